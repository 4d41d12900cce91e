"""One small call of every operation, for ``python -m pygan.emu.report OP``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pygan as pg
from pygan.errors import ConfigError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Integers:
    """An int64 input with values in [0, high)."""

    shape: Shape
    high: int


@dataclass(frozen=True)
class Booleans:
    shape: Shape


class Key:
    """A key of the random operations."""


@dataclass(frozen=True)
class Several:
    """A list of float inputs."""

    shapes: tuple[Shape, ...]


Input = Shape | Integers | Booleans | Several | type[Key]


@dataclass(frozen=True)
class Call:
    """Inputs in order, a shape for one of random floats; ``settings`` go by keyword."""

    inputs: tuple[Input, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def call(*inputs: Input, **settings: Any) -> Call:
    return Call(inputs, settings)


IMAGES, MATRIX, CHANNELS = (4, 16, 16, 8), (64, 100), (8,)
LABELS = Integers((64,), 100)
UNARY = (
    "neg abs sign sqrt square exp log tanh sigmoid softplus sin cos erf elu gelu silu relu "
    "leaky_relu sum mean norm logsumexp max min argmax argmin max_with_indices min_with_indices "
    "transpose flip sort argsort median softmax log_softmax batch_norm instance_norm layer_norm "
    "batch_norm_leaky_relu squeeze"
)
BINARY = (
    "add sub mul div divide_no_nan pow maximum minimum equal not_equal less less_equal greater "
    "greater_equal leaky_relu_grad"
)
EXAMPLES: dict[str, Call] = {
    **dict.fromkeys(UNARY.split(), call(IMAGES)),
    **dict.fromkeys(BINARY.split(), call(IMAGES, IMAGES)),
    "scale": call(IMAGES, a=2.0),
    "shift": call(IMAGES, a=2.0),
    "astype": call(IMAGES, dtype="float64"),
    "clip": call(IMAGES, low=-1.0, high=1.0),
    "clip_grad": call(IMAGES, IMAGES, low=-1.0, high=1.0),
    "logical_and": call(Booleans(IMAGES), Booleans(IMAGES)),
    "logical_or": call(Booleans(IMAGES), Booleans(IMAGES)),
    "logical_not": call(Booleans(IMAGES)),
    "where": call(Booleans(IMAGES), IMAGES, IMAGES),
    "take_reduced": call(MATRIX, LABELS, axis=1),
    "put_reduced": call((64,), LABELS, shape=MATRIX, axis=1),
    "broadcast_to": call(CHANNELS, shape=IMAGES),
    "sum_to": call(IMAGES, shape=CHANNELS),
    "reshape": call(IMAGES, shape=(4, 2048)),
    "to": call(IMAGES, device="cpu"),
    "slice": call(MATRIX, start=(0, 1), step=(2, 3), shape=(32, 33)),
    "unslice": call((32, 33), start=(0, 1), step=(2, 3), shape=MATRIX),
    "concat": call(Several((IMAGES, IMAGES)), axis=-1),
    "stack": call(Several((MATRIX, MATRIX)), axis=0),
    "split": call(MATRIX, sections=4, axis=1),
    "pad": call(MATRIX, widths=((1, 1), (2, 2))),
    "pad_axis": call(IMAGES, axis=1, widths=(2, 2)),
    "pad_axis_grad": call((4, 20, 16, 8), axis=1, widths=(2, 2)),
    "expand_dims": call(MATRIX, axis=0),
    "roll": call(MATRIX, shift=3, axis=1),
    "gather": call(MATRIX, Integers((32,), 64), axis=0),
    "scatter_add": call((32, 100), Integers((32,), 64), shape=MATRIX, axis=0),
    "take_along_axis": call(MATRIX, Integers(MATRIX, 100), axis=1),
    "scatter_add_along_axis": call(MATRIX, Integers(MATRIX, 100), shape=MATRIX, axis=1),
    "embedding": call(MATRIX, Integers((32,), 64)),
    "one_hot": call(LABELS, classes=100),
    "cumsum": call(MATRIX, axis=1),
    "topk": call(MATRIX, k=10),
    "matmul": call((64, 100), (100, 96)),
    "conv2d": call(IMAGES, (4, 4, 8, 16), stride=2, padding=1),
    "conv_transpose2d": call(IMAGES, (4, 4, 4, 8), stride=2, padding=1),
    "conv2d_weight_grad": call(IMAGES, (4, 8, 8, 16), kernel_size=4, stride=2, padding=1),
    "avg_pool2d": call(IMAGES, kernel_size=2),
    "avg_pool2d_grad": call((4, 8, 8, 8), size=16, kernel_size=2),
    "max_pool2d": call(IMAGES, kernel_size=2),
    "max_pool2d_with_indices": call(IMAGES, kernel_size=2),
    "take_pixels": call(IMAGES, Integers((4, 8, 8, 8), 256)),
    "put_pixels": call((4, 8, 8, 8), Integers((4, 8, 8, 8), 256), size=16),
    "resample": call(IMAGES, axis=1, size=24),
    "resample_grad": call((4, 24, 16, 8), axis=1, size=16),
    "resize": call(IMAGES, size=24),
    "upsample": call(IMAGES, scale=2),
    "pixel_shuffle": call(IMAGES, r=2),
    "pixel_unshuffle": call(IMAGES, r=2),
    "batch_norm_grad": call(MATRIX, (100,), MATRIX, (100,), (100,)),
    "batch_norm_leaky_relu_grad": call(MATRIX, (100,), (100,), MATRIX, (100,), (100,)),
    "batch_norm_eval": call(IMAGES, CHANNELS, CHANNELS, CHANNELS, CHANNELS),
    "group_norm": call(IMAGES, groups=2),
    "virtual_batch_norm": call(IMAGES, IMAGES, CHANNELS, CHANNELS),
    "reference_batch_norm": call(IMAGES, IMAGES, CHANNELS, CHANNELS),
    "bce_with_logits": call(MATRIX, MATRIX),
    "logistic_loss": call(MATRIX, target=1.0),
    "logistic_loss_grad": call(MATRIX, (), target=1.0),
    "binary_cross_entropy_with_logits": call(MATRIX, MATRIX),
    "softmax_cross_entropy": call(MATRIX, LABELS),
    "softmax_cross_entropy_grad": call(MATRIX, LABELS, (64,)),
    "cross_entropy_with_logits": call(MATRIX, LABELS),
    "interpolate": call(IMAGES, IMAGES, (4,)),
    "norm_penalty": call(IMAGES),
    "uniform": call(Key, shape=MATRIX),
    "normal": call(Key, shape=MATRIX),
    "bernoulli": call(Key, p=0.5, shape=MATRIX),
    "permutation": call(Key, n=1000),
    "dropout": call(IMAGES, Key),
}
# Inputs of which these ops need to be positive: variances, arguments of roots and logarithms.
POSITIVE = {
    "sqrt": (0,),
    "log": (0,),
    "pow": (0,),
    "batch_norm_eval": (4,),
    "batch_norm_grad": (4,),
    "batch_norm_leaky_relu_grad": (5,),
}


def example(op: str, shapes: list[Shape], settings: dict[str, Any]) -> Call:
    """The built-in call of ``op``, with other shapes of its inputs and other settings."""
    if op not in EXAMPLES:
        raise ConfigError(f"{op}: no such operation; `python -m pygan.emu.report --list` names all")
    base = EXAMPLES[op]
    if not shapes:
        return Call(base.inputs, {**base.settings, **settings})
    own = [i for i in base.inputs if i is not Key]
    if len(shapes) != len(own) or any(isinstance(i, Several) for i in own):
        raise ConfigError(f"{op}: {len(shapes)} shapes given, its example has {len(own)} inputs")
    rest = iter(shapes)
    inputs: list[Input] = []
    for i in base.inputs:
        if isinstance(i, Integers):
            inputs.append(Integers(next(rest), i.high))
        elif isinstance(i, Booleans):
            inputs.append(Booleans(next(rest)))
        else:
            inputs.append(i if i is Key else next(rest))
    return Call(tuple(inputs), {**base.settings, **settings})


def tensors(op: str, call: Call, dtype: str, backward: bool) -> list[Any]:
    """The inputs on ``emu``, the same on every run."""
    rng = np.random.default_rng(0)

    def floats(shape: Shape, positive: bool = False) -> pg.Tensor:
        x = rng.standard_normal(shape).astype(dtype)
        return pg.tensor(np.abs(x) + 0.1 if positive else x, requires_grad=backward, device="emu")

    made: list[Any] = []
    for i, spec in enumerate(call.inputs):
        if spec is Key:
            made.append(pg.random.Stream(0, "report").key("emu"))
        elif isinstance(spec, Integers):
            made.append(pg.tensor(rng.integers(0, spec.high, spec.shape), device="emu"))
        elif isinstance(spec, Booleans):
            made.append(pg.tensor(rng.integers(0, 2, spec.shape).astype(bool), device="emu"))
        elif isinstance(spec, Several):
            made.append([floats(s) for s in spec.shapes])
        else:
            made.append(floats(spec, i in POSITIVE.get(op, ())))
    return made
