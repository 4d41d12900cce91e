"""Mistakes in Python: each is a typed error of one line that names what is wrong and what to do.

The command line's are in test_cli_mistakes.py. Rows: what is called, the class, what the message
must say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pygan as pg
from pygan import games, models, nn, ops, optim

BUILT_IN = {
    pg.ShapeError: ValueError,
    pg.DTypeError: TypeError,
    pg.ConfigError: ValueError,
    pg.DataError: ValueError,
    pg.DeviceError: RuntimeError,
    pg.OutOfMemoryError: MemoryError,
    pg.CheckpointError: RuntimeError,
}
SHAPE, DTYPE, CONFIG = pg.ShapeError, pg.DTypeError, pg.ConfigError


def z(*shape: int) -> pg.Tensor:
    return pg.zeros(shape)


def d(*shape: int) -> pg.Tensor:
    return pg.zeros(shape, "float64")


def i(*values: int) -> pg.Tensor:
    return pg.tensor(list(values), dtype="int64")


def v(*shape: int) -> pg.Tensor:
    return z(*shape).requires_grad_()


def z2(n: int) -> np.ndarray:
    return np.zeros((n, 2))


def trainer(norm: str | None = None, **settings: Any) -> pg.Trainer:
    G, D = models.MLPGenerator(width=4), models.MLPDiscriminator(width=4, norm=norm)
    return pg.Trainer(G, D, **{"data": pg.data.ring(80, held_out=20), "batch_size": 8, **settings})


KEY = i(0, 1, 2)
NAN = float("nan")
Row = tuple[Callable[[], Any], type[pg.Error], str]

CALLS: list[Row] = [  # arguments that do not fit a signature
    (lambda: ops.exp([1.0]), DTYPE, r"exp: x must be a Tensor, got \[1.0\]: wrap .* pygan.tensor"),
    (
        lambda: ops.exp(np.zeros((99, 9))),
        DTYPE,
        r"exp: x must be a Tensor, got numpy array float64",
    ),
    (lambda: ops.exp(), DTYPE, r"exp: argument 'x' is missing: use exp\(x\)"),
    (lambda: ops.exp(z(99, 99), z(2)), DTYPE, r"exp: takes at most 1 arguments, got 2"),
    (lambda: ops.sum(z(2), axes=0), DTYPE, r"sum: unknown argument 'axes': use sum\(x, axis, keep"),
    (lambda: ops.sum(z(2), x=z(2)), DTYPE, "sum: argument 'x' is given twice"),
    (lambda: ops.sum(z(2), keepdims="no"), DTYPE, "sum: keepdims must be True or False, got .no."),
    (lambda: ops.topk(z(3), 1.0), DTYPE, "topk: k must be a whole number, got 1.0"),
    (lambda: ops.topk(z(3), 2**63), CONFIG, "topk: k = 9223372036854775808 is too large"),
    (lambda: ops.shift(z(2), "a"), DTYPE, "shift: a must be a number, got 'a'"),
    (lambda: ops.concat([z(2), 3]), DTYPE, r"concat: xs must be a sequence of Tensors, got \["),
    (lambda: ops.uniform(0, (2,)), DTYPE, "uniform: key must be a Tensor, got 0"),
    (lambda: pg.Tensor([1, 2]), DTYPE, "Tensor: tensor must be a Tensor, got .* pygan.tensor"),
    (lambda: pg.from_numpy([1]), DTYPE, r"from_numpy: array must be a NumPy array, got \[1\]"),
    (lambda: z(2).set_(3), DTYPE, "set_: other must be a Tensor, got 3"),
    (lambda: setattr(z(2), "requires_grad", "x"), DTYPE, "must be True or False, got 'x'"),
    (lambda: pg.set_num_threads("a"), DTYPE, "set_num_threads: n must be a whole number"),
    (lambda: pg.tensor([1.0], device=3), DTYPE, "tensor: device must be a string or None, got 3"),
]

ELEMENTWISE: list[Row] = [
    (lambda: z(2, 3) + z(4, 3), SHAPE, r"add: \(2, 3\) and \(4, 3\) do not broadcast"),
    (lambda: z(2) * d(2), DTYPE, "mul: mixed dtypes float32 .* float64 .* convert one with astype"),
    (lambda: z(2) + np.zeros(2), DTYPE, "add: .*ndarray.* wrap arrays with pygan.tensor"),
    (lambda: np.zeros(2) - z(2), DTYPE, "sub: .*ndarray.* wrap arrays with pygan.tensor"),
    (lambda: z(2) + 10**400, CONFIG, "add: a whole number is too large for float32"),
    (lambda: ops.exp(i(1)), DTYPE, "exp: needs float32 or float64, got int64"),
    (lambda: ops.leaky_relu(z(2), NAN), CONFIG, "leaky_relu: negative_slope must be finite"),
    (lambda: ops.pow(z(2, 3), z(4)), SHAPE, r"pow: \(2, 3\) and \(4,\) do not broadcast"),
    (lambda: z(2) < z(3), SHAPE, r"less: \(2,\) and \(3,\) do not broadcast"),
    (lambda: ops.clip(z(2), 2.0, 1.0), CONFIG, "clip: low must not be above high, got 2"),
    (lambda: ops.where(z(2), z(2), z(2)), DTYPE, "where: the condition must be bool, got float32"),
    (lambda: ops.maximum(z(2), d(2)), DTYPE, "maximum: mixed dtypes float32 .* and float64"),
    (lambda: ops.gelu(z(2), "x"), CONFIG, 'gelu: approximate must be "none" or "tanh", got "x"'),
    (lambda: ops.astype(z(2), "float16"), DTYPE, "unknown dtype 'float16': use float32"),
    (lambda: ops.astype(z(2), None), DTYPE, "None is not a dtype: use float32"),
]

REDUCE_AND_SHAPE: list[Row] = [
    (lambda: ops.sum(z(2, 3), 2), SHAPE, r"sum: axis 2 is out of range for \(2, 3\)"),
    (lambda: ops.sum(z(2, 3), (0, -2)), SHAPE, r"sum: axis -2 of \(2, 3\) is named twice"),
    (lambda: ops.sum(z(2, 3), ()), SHAPE, r"sum: axis \(\) reduces nothing: use None"),
    (lambda: ops.max(z(0, 3), 0), SHAPE, r"max: the reduced axes of \(0, 3\) are empty"),
    (lambda: ops.median(z(0)), SHAPE, "median: the reduced axes are empty"),
    (lambda: ops.reshape(z(2, 3), (4,)), SHAPE, r"reshape: \(2, 3\) has 6 elements, \(4,\) has 4"),
    (lambda: z(2, 3).reshape(-1, -1), SHAPE, r"one extent may be -1.* got \(-1, -1\)"),
    (lambda: z(2, 3).reshape((-1, 4)), SHAPE, r"reshape: \(2, 3\) does not fit \(-1, 4\)"),
    (lambda: z(6).reshape(-1, 2**33, 2**33), SHAPE, "reshape: .* is too large"),
    (lambda: pg.zeros((1,) * 9), SHAPE, "a shape has at most 8 axes, got 9"),
    (lambda: pg.zeros(2**70), SHAPE, "1180591620717411303424 is not a shape"),
    (lambda: ops.broadcast_to(z(1), (2**62, 4)), SHAPE, r"shape \(\d+, 4\) is too large"),
    (lambda: ops.broadcast_to(z(1), (2**60,)), pg.OutOfMemoryError, "broadcast_to: .*allocate"),
    (lambda: ops.transpose(z(2, 3), (0, 0)), SHAPE, "transpose: axes must name each of the 2 axes"),
    (lambda: ops.slice(z(4), (3,), (-1,), (5,)), SHAPE, r"slice: axis 0: elements 3 to -1 are not"),
    (lambda: ops.concat([]), SHAPE, "concat: needs at least one tensor"),
    (lambda: ops.concat([z(2, 3), z(3, 3)], 1), SHAPE, "concat: .* differ beside axis 1"),
    (lambda: ops.stack([z(2), d(2)]), DTYPE, "stack: mixed dtypes"),
    (lambda: ops.pad(z(2), [(2**62, 1)]), SHAPE, r"pad: widths must be below 2\^31"),
    (lambda: ops.pad(z(2), [(1, 1)], "mirror"), CONFIG, 'unknown mode "mirror": use constant'),
    (lambda: ops.pad(z(2), [(2, 1)], "reflect"), SHAPE, "reflect needs widths below .* 2"),
    (lambda: ops.squeeze(z(2, 3), 0), SHAPE, "squeeze: axis 0 .* has extent 2, not 1"),
    (lambda: ops.split(z(7), 2), SHAPE, r"split: .*2 equal parts: name the places to cut at"),
]

INDEX_AND_ORDER: list[Row] = [
    (lambda: ops.gather(z(3, 2), i(0, 3)), SHAPE, r"gather: index 3 at \[1\] .* expected -3 to 2"),
    (lambda: ops.gather(z(3, 2), z(1)), DTYPE, "gather: the indices must be int64, got float32"),
    (lambda: ops.embedding(z(3, 2), z(1)), DTYPE, "embedding: the indices must be int64"),
    (lambda: ops.one_hot(i(3), 3), SHAPE, r"one_hot: index 3 .* for 3 classes: expected 0 to 2"),
    (lambda: ops.scatter_add(z(2), i(0, 9), (3,)), SHAPE, "scatter_add: index 9 .* expected -3"),
    (lambda: ops.topk(z(3), 4), SHAPE, "topk: k must be from 1 to 3, .*; got 4"),
    (lambda: ops.sort(z(), 0), SHAPE, r"sort: axis 0 is out of range for \(\)"),
    (lambda: ops.cumsum(i(1, 2), 0), DTYPE, "cumsum: needs float32 or float64, got int64"),
]

IMAGES: list[Row] = [
    (lambda: ops.matmul(z(2, 3), z(4, 5)), SHAPE, r"\(2, 3\) @ \(4, 5\): the inner extents differ"),
    (lambda: ops.conv2d(z(1, 4, 4, 3), z(3, 3, 2, 8)), SHAPE, "conv2d: x .* has 3 channels, w"),
    (lambda: ops.conv2d(z(1, 4, 4, 3), z(5, 5, 3, 8)), SHAPE, "conv2d: the kernel .* does not fit"),
    (lambda: ops.conv2d(z(1, 4, 4, 3), z(3, 3, 3, 8), 0), SHAPE, "stride.* must be at least 1"),
    (
        lambda: ops.conv2d(z(1, 4, 4, 3), z(3, 3, 3, 8), padding=2**62),
        SHAPE,
        r"must be below 2\^31",
    ),
    (
        lambda: ops.conv2d(z(1, 4, 4, 3), z(3, 3, 3, 8), groups=2),
        SHAPE,
        "3 channels, .* groups 2 takes 6",
    ),
    (lambda: ops.avg_pool2d(z(1, 4, 4, 3), 5), SHAPE, "avg_pool2d: no window fits"),
    (lambda: ops.max_pool2d(z(1, 4, 4, 3), 2, padding=2), SHAPE, "at most half the kernel"),
    (
        lambda: ops.resize(z(1, 4, 4, 3), 8, "cubic"),
        CONFIG,
        'resize: unknown mode "cubic": use nearest',
    ),
    (
        lambda: ops.upsample(z(1, 4, 4, 3), 0.1),
        SHAPE,
        r"upsample: .* by 0.1 has the extent 0: it must",
    ),
    (lambda: ops.upsample(z(1, 4, 4, 3), 1e300), SHAPE, r"by 1e\+300 has the extent 4e\+300"),
    (lambda: ops.pixel_shuffle(z(1, 4, 4, 3), 2), SHAPE, "pixel_shuffle: .* multiple of 4"),
]

NORMS_LOSSES_RANDOM: list[Row] = [
    (lambda: ops.batch_norm(z(4, 3), z(2), z(3)), SHAPE, r"batch_norm: x \(4, 3\) needs weight"),
    (lambda: ops.batch_norm(z(4, 3), eps=-1.0), CONFIG, "batch_norm: eps must be finite .* got -1"),
    (lambda: ops.layer_norm(z(4, 3), eps=NAN), CONFIG, "eps must be finite and >= 0, got nan"),
    (lambda: ops.group_norm(z(4, 5), 2), SHAPE, "2 groups do not divide the 5 channels"),
    (lambda: ops.virtual_batch_norm(z(4, 3), z(0, 3)), SHAPE, "has no elements to normalise"),
    (lambda: ops.softmax(z(4), 1), SHAPE, r"softmax: axis 1 is out of range for \(4,\)"),
    (lambda: ops.softmax_cross_entropy(z(2, 3), i(0, 3)), SHAPE, r"targets\[1\] is 3, .* 0 to 2"),
    (
        lambda: ops.cross_entropy_with_logits(z(2, 3), i(0, 1), "max"),
        CONFIG,
        'reduction must be "mean", "sum" or "none", got "max"',
    ),
    (lambda: ops.bce_with_logits(z(4), z(3)), SHAPE, "must have one shape: reshape one of them"),
    (lambda: ops.normal(z(3), (2,)), DTYPE, "normal: the key must be int64, got float32"),
    (lambda: ops.uniform(i(1, 2), (2,)), SHAPE, r"the key must have shape \(3,\): seed, stream"),
    (lambda: ops.bernoulli(KEY, 1.5, (2,)), CONFIG, r"bernoulli: p must be in \[0, 1\], got 1.5$"),
    (lambda: ops.dropout(z(3), KEY, 1.0), CONFIG, r"dropout: p must be in \[0, 1\), got 1$"),
    (lambda: ops.permutation(KEY, -1), SHAPE, "permutation: n must not be negative, got -1"),
    (
        lambda: ops.gradient_penalty(3, z(2, 3), z(2, 3)),
        CONFIG,
        "gradient_penalty: D must be a network or a function, got 3",
    ),
]

TENSORS: list[Row] = [
    (lambda: z(2).item(), SHAPE, r"item: a tensor of one element is needed, got \(2,\)"),
    (lambda: bool(z(2)), SHAPE, r"a tensor of one element is needed, got \(2,\)"),
    (lambda: pg.tensor([1, [2]]), SHAPE, "tensor: not a number, an array or a regular nested list"),
    (lambda: pg.tensor([300], dtype="uint8"), DTYPE, "tensor: .*300 out of bounds for uint8"),
    (lambda: pg.full(2, 300, "uint8"), CONFIG, "full: 300 is out of bounds for uint8"),
    (lambda: pg.full(2, NAN, "int64"), CONFIG, "full: nan is out of bounds for int64"),
    (lambda: pg.tensor([1.0], device="gpu"), pg.DeviceError, "unknown device 'gpu': use cpu"),
    (lambda: i(1).requires_grad_(), DTYPE, "only float32 and float64 tensors can require a"),
    (lambda: setattr(v(2), "grad", 3), DTYPE, "grad must be a Tensor or None, got 3"),
    (lambda: z(2).assign_(z(3)), SHAPE, r"assign_: cannot assign \(3,\) to \(2,\)"),
    (lambda: z(2).assign_(d(2)), DTYPE, "assign_: .* convert with astype"),
    (lambda: pg.from_dlpack([1]), DTYPE, "from_dlpack: list has no __dlpack__: use pygan.tensor"),
    (lambda: pg.grad(v(2) * 2, [v(2)]), SHAPE, "not a scalar: pass a cotangent of its shape"),
    (lambda: (v(2) * 2).backward(z(3)), SHAPE, r"cotangent of output 0 is float32 \(3,\)"),
    (lambda: (v(2) * 2).backward(3), DTYPE, "must be a tensor or a list of tensors, got 3"),
    (lambda: pg.grad(v(), [v()], unused="x"), CONFIG, 'unused must be "zero", "none" or "raise"'),
    (lambda: z(2).sum().backward(), pg.Error, "nothing .* requires a gradient"),
]

NETWORKS: list[Row] = [
    (lambda: nn.Linear(0, 2), CONFIG, "Linear: in_features must be a whole number >= 1, got 0"),
    (lambda: nn.Linear(2, 3)(z(4, 5)), SHAPE, r"Linear\(2, 3\): expected \(N, 2\), got \(4, 5\)"),
    (lambda: nn.Linear(2, 3)(np.zeros((4, 2))), DTYPE, "must be a Tensor.* pygan.tensor"),
    (lambda: nn.Conv2d(3, 8, 3, padding="same"), CONFIG, "padding must be a whole number >= 0"),
    (lambda: nn.BatchNorm(3)(z(1, 3)), SHAPE, "at least 2 values per feature.*larger batch"),
    (lambda: nn.LeakyReLU("a"), CONFIG, "LeakyReLU: negative_slope must be finite, got 'a'"),
    (lambda: nn.SpectralNorm(nn.ReLU()), CONFIG, "layer must be a Linear, Conv2d or .*got ReLU"),
    (lambda: nn.Sequential([nn.ReLU()]), CONFIG, r"Sequential: 0 is \[ReLU\(\)\], not a Module"),
    (lambda: nn.Linear(2, 3).to("float16"), DTYPE, "to: expected 'float32', 'float64' or a device"),
    (lambda: nn.Linear(2, 3).load_state_dict({}), CONFIG, r"missing: weight \(2, 3\); missing"),
    (lambda: nn.Linear(2, 3).load_state_dict(3), CONFIG, "a state is a mapping .* got int"),
    (
        lambda: nn.Linear(2, 3).load_state_dict({"weight": 3, "bias": z(3)}),
        CONFIG,
        r"weight: expected float32 \(2, 3\), got int",
    ),
    (lambda: models.DCGANGenerator((30, 30, 3)), CONFIG, "28x28 or 32x32"),
    (lambda: models.DCGANGenerator(norm="bacth"), CONFIG, "did you mean 'batch'"),
    (lambda: games.get("wgangp"), CONFIG, "did you mean 'wgan-gp'"),
    (lambda: games.WGANGP(weight=-1.0), CONFIG, "weight must be finite and >= 0, got -1"),
    (lambda: games.WGAN(n_critic=0), CONFIG, "n_critic must be a whole number >= 1, got 0"),
    (lambda: games.WGAN(clip=-0.1), CONFIG, "clip must be finite and > 0, got -0.1"),
    (lambda: games.NonSaturating(fake_label=0.1), CONFIG, "fake_label 0.1 smooths the fake side"),
    (lambda: games.Penalty("r3"), CONFIG, "unknown kind of gradient penalty 'r3'"),
    (lambda: games.Penalty("r1", every=0), CONFIG, "every must be a whole number >= 1, got 0"),
    (lambda: games.OptimizerSpec("adm"), CONFIG, "did you mean 'adam'"),
    (lambda: optim.Adam([], lr=0.1), CONFIG, "Adam: params is empty"),
    (lambda: optim.Adam([v(2)], lr=-1.0), CONFIG, "lr must be a number finite and >= 0, got -1"),
    (lambda: optim.SGD([v(2)], lr=0.1, momentum=2.0), CONFIG, "momentum must be .* got 2"),
    (
        lambda: optim.EMA(nn.Linear(2, 3), decay=1.5),
        CONFIG,
        r"EMA: decay must be a number in \[0, 1\), got 1.5",
    ),
    (lambda: pg.data.from_array(np.zeros((4, 4))), SHAPE, r"images must be \(N, H, W, 1 or 3\)"),
    (lambda: pg.data.ring(0), CONFIG, "ring: n must be a whole number >= 1, got 0"),
    (lambda: pg.data.grid(9, sigma=NAN), CONFIG, "grid: sigma must be a positive number, got nan"),
    (lambda: pg.data.from_points(np.zeros((5, 3))), SHAPE, r"\(N, 2\) .* got \(5, 3\)"),
    (lambda: pg.data.load(3), CONFIG, "load: path must be a file or a folder, got 3"),
    (lambda: pg.data.load("nowhere"), pg.DataError, "no such file or folder: nowhere"),
    (lambda: pg.metrics.swd_points(z2(3), np.zeros((3, 3))), SHAPE, r"\(N, 2\) and not empty"),
    (lambda: optim.Adam(3), CONFIG, "Adam: params must be a list of tensors, got 3"),
    (lambda: optim.clip_([v(2)], 1, -1), CONFIG, "clip_: needs finite low <= high, got 1 and -1"),
    (lambda: optim.clip_(3, -1, 1), CONFIG, "clip_: params must be a list of tensors"),
    (lambda: pg.random.Stream(0, 3), CONFIG, "Stream: name must be a string, got 3"),
    (lambda: pg.random.Stream(0, "a", -1), CONFIG, "draw must be a whole number >= 0, got -1"),
    (lambda: pg.apply(3, z(2)), CONFIG, "apply: int is not a registered op"),
    (lambda: pg.register_op(3), CONFIG, "register_op: 3 is not a subclass of pygan.Op"),
    (lambda: pg.testing.check_grads(ops.exp, [d(2)], order=0), CONFIG, "order must be at least 1"),
    (lambda: pg.testing.check_grads(ops.exp, [z(2)]), DTYPE, "differences need float64"),
    (lambda: trainer(batch_size=0), CONFIG, "batch_size must be a whole number >= 1, not 0"),
    (lambda: trainer(game="wgan-gp"), CONFIG, "game must be a game such as .* not 'wgan-gp'"),
    (lambda: trainer(data=None), CONFIG, "data must be a Dataset, Points or an array, got None"),
    (lambda: trainer(data=np.zeros((40, 16, 16, 1), np.uint8)), SHAPE, r"G makes images \(2,\)"),
    (lambda: trainer().fit(steps=-1), CONFIG, "steps must be a whole number >= 0, not -1"),
    (
        lambda: trainer(game=games.WGANGP(), norm="batch").fit(steps=1),
        CONFIG,
        "D ran batch_norm in training mode.*norm=None, or call D.eval",
    ),
]

ROWS = (
    CALLS
    + ELEMENTWISE
    + REDUCE_AND_SHAPE
    + INDEX_AND_ORDER
    + IMAGES
    + NORMS_LOSSES_RANDOM
    + TENSORS
    + NETWORKS
)


@pytest.mark.parametrize(
    ("call", "error", "match"), ROWS, ids=[f"{k}-{row[2][:30]}" for k, row in enumerate(ROWS)]
)
def test_a_mistake_is_a_typed_error_of_one_line(
    call: Callable[[], Any], error: type[pg.Error], match: str
):
    with pytest.raises(pg.Error) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is error, message
    assert error is pg.Error or isinstance(caught.value, BUILT_IN[error])
    assert re.search(match, message), message
    assert "\n" not in message
    assert len(message) < 300


def test_there_are_sixty():
    assert len(ROWS) >= 60


def test_a_refused_state_changes_nothing():
    layer = nn.Linear(2, 3)
    before = {name: t.numpy().copy() for name, t in layer.state_dict().items()}
    with pytest.raises(pg.ConfigError):
        layer.load_state_dict({"weight": z(2, 3), "bias": 3})
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


def test_a_refused_value_changes_nothing():
    x = pg.tensor([1.0, 2.0], requires_grad=True)
    for wrong in (z(3), d(2), "x", None):
        with pytest.raises(pg.Error):
            x.assign_(wrong)
    with pytest.raises(pg.DTypeError):
        x.grad = 3
    assert x.numpy().tolist() == [1, 2]
    assert x.grad is None


def test_an_error_inside_a_function_is_not_taken_for_a_wrong_call():
    class Odd:
        def __index__(self) -> int:
            raise TypeError("mine")

    with pytest.raises(TypeError, match="k must be a whole number"):
        ops.topk(z(3), Odd())
    x = z(2).requires_grad_()
    with pytest.raises(TypeError, match="pickle"):
        x.__reduce__()
