"""At which size each operation is timed: an example of the tests' case, grown.

IMAGES, 16.8 MB, is what a DCGAN-64's first layer makes of 64 images. Operations between others
(reshape, expand_dims) that move nothing, and compositions of operations that stand here, are left
out; `LEFT_OUT` says why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from cases import CASES
from ops.case import Case, Example

__all__ = ["CASES", "LEFT_OUT", "Case", "Example", "example", "names"]

IMAGES = (64, 32, 32, 64)
HALF = (64, 16, 16, 64)
ROWS = (4096, 1024)
KEY = np.array([1, 2, 3], np.int64)

LEFT_OUT = {
    "reshape": "moves nothing",
    "expand_dims": "moves nothing",
    "squeeze": "moves nothing",
    "to": "a copy between devices",
    "stack": "concat",
    "split": "slices",
    "flip": "a slice",
    "roll": "slices and concat",
    "embedding": "gather",
    "argsort": "sort",
    "instance_norm": "group_norm",
    "layer_norm": "group_norm",
    "pad": "pad_axis",
    "resize": "resample",
    "upsample": "resample",
    "pixel_shuffle": "reshape and transpose",
    "pixel_unshuffle": "reshape and transpose",
    "cross_entropy_with_logits": "softmax_cross_entropy",
    "greater": "less",
    "greater_equal": "less_equal",
    "logical_and": "where",
    "logical_or": "where",
    "logical_not": "where",
}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.abs(normal(*shape, seed=seed)) + np.float32(0.1)


def integers(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, high, shape)


def distinct(rows: int, n: int) -> np.ndarray:
    """Rows without ties, whose order would be each program's own affair."""
    places = np.tile(np.arange(n, dtype=np.float32), (rows, 1))
    return np.random.default_rng(0).permuted(places, axis=1) / np.float32(n)


def one(**hyper: object) -> Callable[[], Example]:
    return lambda: Example((normal(*IMAGES),), hyper)


def two(**hyper: object) -> Callable[[], Example]:
    return lambda: Example((normal(*IMAGES), normal(*IMAGES, seed=1)), hyper)


def channels(n: int, first: int = 2) -> list[np.ndarray]:
    return [normal(64, seed=first + i) for i in range(n)]


def permuted_pixels() -> np.ndarray:
    places = np.random.default_rng(0).permuted(np.tile(np.arange(256), (64, 64, 1)), axis=2)
    return np.ascontiguousarray(places.transpose(0, 2, 1)).reshape(HALF)


_DOWN = {"stride": 2, "padding": 1}
_POOL = {"kernel_size": 2, "stride": 2}

SIZES: dict[str, Callable[[], Example]] = {
    **dict.fromkeys(
        ("neg", "exp", "abs", "sign", "square", "tanh", "sigmoid", "softplus", "sin", "cos", "erf",
         "gelu", "gelu_tanh", "silu", "relu"),
        one(),
    ),
    **dict.fromkeys(("log", "sqrt"), lambda: Example((positive(*IMAGES),))),
    **dict.fromkeys(
        ("sub", "mul", "maximum", "minimum", "equal", "not_equal", "less", "less_equal"), two()
    ),
    **dict.fromkeys(
        ("div", "divide_no_nan"), lambda: Example((normal(*IMAGES), positive(*IMAGES, seed=1)))
    ),
    "add": lambda: Example((normal(*IMAGES), normal(64, seed=1))),
    "power": lambda: Example((positive(*IMAGES),), {"a": 0.5}),
    "pow": lambda: Example((positive(*HALF), normal(64, seed=1))),
    "elu": one(alpha=1.0),
    "scale": one(a=3.0),
    "shift": one(a=3.0),
    "astype": one(dtype="int64"),
    "leaky_relu": one(negative_slope=0.2),
    "leaky_relu_grad": two(negative_slope=0.2),
    "logistic_loss": lambda: Example((normal(4096, 64),), {"target": 1.0}),
    "logistic_loss_grad": lambda: Example((normal(4096, 64), normal()), {"target": 1.0}),
    "bce_with_logits": lambda: Example((normal(4096, 64), positive(4096, 64) % 1)),
    "clip": one(low=-1.0, high=0.5),
    "clip_grad": two(low=-1.0, high=0.5),
    "where": lambda: Example(
        (normal(*IMAGES) > 0, normal(*IMAGES, seed=1), normal(*IMAGES, seed=2))
    ),
    "sum": one(axis=(0, 1, 2)),
    "mean": one(),
    "norm": lambda: Example((normal(64, 65536),), {"axis": 1}),
    "logsumexp": lambda: Example((normal(*ROWS),), {"axis": 1}),
    **dict.fromkeys(
        ("max", "min", "argmax", "argmin"), lambda: Example((distinct(*ROWS),), {"axis": 1})
    ),
    "take_reduced": lambda: Example((normal(*ROWS), integers(1024, 4096)), {"axis": 1}),
    "put_reduced": lambda: Example(
        (normal(4096), integers(1024, 4096)), {"shape": ROWS, "axis": 1}
    ),
    "broadcast_to": lambda: Example((normal(64),), {"shape": IMAGES}),
    "sum_to": one(shape=(64,)),
    "transpose": one(axes=(0, 3, 1, 2)),
    "slice": one(start=(0, 0, 0, 0), step=(1, 2, 2, 1), shape=(64, 16, 16, 64)),
    "unslice": lambda: Example(
        (normal(*HALF),), {"start": (0, 0, 0, 0), "step": (1, 2, 2, 1), "shape": IMAGES}
    ),
    "concat": two(axis=0),
    "gather": lambda: Example((normal(*ROWS), integers(4096, 4096)), {"axis": 0}),
    "scatter_add": lambda: Example(
        (normal(*ROWS), integers(4096, 4096)), {"shape": ROWS, "axis": 0}
    ),
    "take_along_axis": lambda: Example((normal(*ROWS), integers(1024, *ROWS)), {"axis": 1}),
    "scatter_add_along_axis": lambda: Example(
        (normal(*ROWS), integers(1024, *ROWS)), {"shape": ROWS, "axis": 1}
    ),
    "one_hot": lambda: Example((integers(64, 65536),), {"classes": 64, "dtype": "float32"}),
    "cumsum": lambda: Example((normal(*ROWS),), {"axis": 1}),
    "sort": lambda: Example((distinct(*ROWS),), {"axis": 1}),
    "topk": lambda: Example((distinct(*ROWS),), {"k": 16, "axis": 1}),
    "median": lambda: Example((distinct(*ROWS),), {"axis": 1}),
    "matmul": lambda: Example((normal(1024, 1024), normal(1024, 1024, seed=1))),
    "conv2d": lambda: Example((normal(*IMAGES), normal(4, 4, 64, 128, seed=1)), dict(_DOWN)),
    "conv_transpose2d": lambda: Example(
        (normal(64, 16, 16, 128), normal(4, 4, 64, 128, seed=1)), dict(_DOWN)
    ),
    "conv2d_weight_grad": lambda: Example(
        (normal(*IMAGES), normal(64, 16, 16, 128, seed=1)), {**_DOWN, "kernel_size": 4}
    ),
    "batch_norm": lambda: Example((normal(*IMAGES), *channels(2))),
    "batch_norm_leaky_relu": lambda: Example((normal(*IMAGES), *channels(2))),
    "batch_norm_leaky_relu_grad": lambda: Example(
        (normal(*IMAGES), *channels(2), normal(*IMAGES, seed=1)),
        {"negative_slope": 0.2, "eps": 1e-5},
    ),
    "batch_norm_grad": lambda: Example(
        (normal(*IMAGES), *channels(1), normal(*IMAGES, seed=1)), {"eps": 1e-5}
    ),
    "batch_norm_eval": lambda: Example((normal(*IMAGES), *channels(3), positive(64))),
    "group_norm": lambda: Example((normal(*IMAGES), *channels(2)), {"groups": 8}),
    "group_norm_grad": lambda: Example(
        (normal(*IMAGES), *channels(1), normal(*IMAGES, seed=1)), {"groups": 8, "eps": 1e-5}
    ),
    "virtual_batch_norm": lambda: Example(
        (normal(*IMAGES), normal(*IMAGES, seed=1), *channels(2))
    ),
    "virtual_batch_norm_grad": lambda: Example(
        (normal(*IMAGES), normal(*IMAGES, seed=1), *channels(1), normal(*IMAGES, seed=3),
         normal(*IMAGES, seed=4)),
        {"own": True, "eps": 1e-5},
    ),
    "reference_batch_norm": lambda: Example(
        (normal(*IMAGES), normal(*IMAGES, seed=1), *channels(2))
    ),
    "pad_axis": one(axis=1, widths=(1, 1), mode="reflect"),
    "pad_axis_grad": lambda: Example(
        (normal(64, 34, 32, 64),), {"axis": 1, "widths": (1, 1), "mode": "reflect"}
    ),
    "avg_pool2d": one(**_POOL),
    "avg_pool2d_grad": lambda: Example((normal(*HALF),), {**_POOL, "size": (32, 32)}),
    "max_pool2d": one(**_POOL),
    "take_pixels": lambda: Example((normal(*HALF), permuted_pixels())),
    "put_pixels": lambda: Example((normal(*HALF), permuted_pixels()), {"size": (16, 16)}),
    "resample": one(axis=1, size=64, mode="bilinear"),
    "resample_grad": one(axis=1, size=16),
    "softmax": lambda: Example((normal(*ROWS),), {"axis": 1}),
    "log_softmax": lambda: Example((normal(*ROWS),), {"axis": 1}),
    "softmax_cross_entropy": lambda: Example((normal(65536, 64), positive(65536, 64) % 1)),
    "softmax_cross_entropy_grad": lambda: Example(
        (normal(65536, 64), positive(65536, 64) % 1, normal(65536))
    ),
    "interpolate": lambda: Example((normal(*IMAGES), normal(*IMAGES, seed=1), positive(64) % 1)),
    "norm_penalty": lambda: Example((normal(*IMAGES),)),
    "uniform": lambda: Example((KEY,), {"shape": IMAGES, "dtype": "float32"}),
    "normal": lambda: Example((KEY,), {"shape": IMAGES, "dtype": "float32"}),
    "bernoulli": lambda: Example((KEY,), {"p": 0.3, "shape": IMAGES}),
    "permutation": lambda: Example((KEY,), {"n": 1 << 18}),
    "dropout": lambda: Example((normal(*IMAGES), KEY), {"p": 0.3}),
}  # fmt: skip


def names() -> list[str]:
    """Operations that are timed, in the order of the tests' cases."""
    return [name for name in CASES if name in SIZES]


def example(name: str) -> Example:
    """Inputs and settings at the size that is timed; the same in every process."""
    return SIZES[name]()
