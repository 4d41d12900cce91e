"""Products of recorded steps that take over bias and leaky_relu: the bits of the ops one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pygan as pg
from pygan.recording import Recorder

ops = pg.ops
Product = Callable[[pg.Tensor, pg.Tensor], pg.Tensor]

PRODUCTS: dict[str, tuple[Product, tuple[int, ...], tuple[int, ...]]] = {
    "matmul": (ops.matmul, (70, 33), (33, 40)),
    "matmul one row": (ops.matmul, (1, 33), (33, 40)),
    "matmul three rows": (ops.matmul, (3, 300), (300, 40)),
    "matmul of a long k": (ops.matmul, (20, 40_000), (40_000, 16)),
    "matmul wide": (ops.matmul, (150, 20), (20, 2100)),
    "matmul of a batch": (ops.matmul, (3, 20, 33), (3, 33, 40)),
    "matmul of a broadcast batch": (ops.matmul, (20, 33), (3, 33, 40)),
    "conv2d": (lambda x, w: ops.conv2d(x, w, padding=1), (2, 9, 7, 5), (3, 3, 5, 20)),
    "conv2d, stride 2, few channels": (
        lambda x, w: ops.conv2d(x, w, stride=2, padding=1),
        (3, 32, 32, 3),
        (4, 4, 3, 64),
    ),
    "conv2d, Winograd": (
        lambda x, w: ops.conv2d(x, w, stride=2, padding=1),
        (3, 18, 14, 32),
        (4, 4, 32, 48),
    ),
    "conv2d, groups": (
        lambda x, w: ops.conv2d(x, w, groups=2, padding=1),
        (2, 8, 8, 6),
        (3, 3, 3, 40),
    ),
    "conv2d, dense": (ops.conv2d, (5, 4, 4, 6), (4, 4, 6, 24)),
    "conv_transpose2d": (
        lambda x, w: ops.conv_transpose2d(x, w, stride=2, padding=1),
        (2, 7, 5, 9),
        (3, 3, 20, 9),
    ),
    "conv_transpose2d, Winograd": (
        lambda x, w: ops.conv_transpose2d(x, w, stride=2, padding=1),
        (3, 9, 7, 48),
        (4, 4, 32, 48),
    ),
    "conv_transpose2d, groups": (
        lambda x, w: ops.conv_transpose2d(x, w, stride=2, groups=2),
        (2, 4, 4, 6),
        (3, 3, 20, 6),
    ),
    "conv_transpose2d, dense": (ops.conv_transpose2d, (5, 1, 1, 9), (4, 4, 16, 9)),
}
FOLLOWERS: dict[str, Callable[[pg.Tensor, pg.Tensor, pg.Tensor], pg.Tensor]] = {
    "bias": lambda y, b, m: y + b,
    "bias, leaky_relu": lambda y, b, m: ops.leaky_relu(y + b, 0.2),
    "bias, relu": lambda y, b, m: ops.relu(y + b),
    "leaky_relu": lambda y, b, m: ops.leaky_relu(y, -0.3),
    "leaky_relu_grad": lambda y, b, m: ops.leaky_relu_grad(y, m, 0.2),
    "relu's gradient": lambda y, b, m: ops.leaky_relu_grad(y, m, 0.0),
    "bias, leaky_relu_grad": lambda y, b, m: ops.leaky_relu_grad(y + b, m, 0.2),
}


def arrays(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[pg.Tensor]:
    return [pg.tensor(rng.standard_normal(s).astype(np.float32)) for s in shapes]


def replayed(step: Callable[..., pg.Tensor], runs: list[list[pg.Tensor]]) -> tuple[list, list[str]]:
    """Results, the last of a replay, and the ops that the replay called."""
    steps = Recorder()
    results = [steps.run("step", inputs, step).numpy() for inputs in runs[:-1]]
    with pg.trace() as events:
        results.append(steps.run("step", runs[-1], step).numpy())
    assert steps.why == {}
    assert steps.replays == len(runs) - 2
    return results, [e["op"] for e in events]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("follower", FOLLOWERS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_bits(product: str, follower: str, dtype: str) -> None:
    f, x_shape, w_shape = PRODUCTS[product]
    rng = np.random.default_rng(0)
    x, w = (t.astype(dtype) for t in arrays(rng, x_shape, w_shape))
    y_shape = f(x, w).shape

    def step(x: pg.Tensor, w: pg.Tensor, b: pg.Tensor, m: pg.Tensor) -> pg.Tensor:
        return FOLLOWERS[follower](f(x, w), b, m)

    shapes = (x_shape, w_shape, (y_shape[-1],), y_shape)
    runs = [[t.astype(dtype) for t in arrays(rng, *shapes)] for _ in range(4)]
    results, called = replayed(step, runs)
    for result, inputs in zip(results, runs, strict=True):
        np.testing.assert_array_equal(result, step(*inputs).numpy())
    assert len(called) == 1, called


def test_kinks_and_what_is_not_a_number() -> None:
    """0, -0, NaN and infinities, as the ops one by one have them."""
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1e-45], np.float32)
    x = np.eye(1, dtype=np.float32)
    w = np.tile(special, 4)[None]  # one product each: y = w
    b = np.repeat(special[[0, 1, 5, 3]], 8)
    for name in ("bias, leaky_relu", "bias, relu", "relu's gradient", "leaky_relu_grad"):

        def step(x: pg.Tensor, w: pg.Tensor, b: pg.Tensor, m: pg.Tensor, name=name) -> pg.Tensor:
            return FOLLOWERS[name](ops.matmul(x, w), b, m)

        inputs = [pg.tensor(a) for a in (x, w, b, np.roll(w, 1))]
        results, called = replayed(step, [inputs] * 3)
        assert called == ["matmul"]
        assert results[0].tobytes() == results[2].tobytes(), name


def test_a_result_that_is_used_twice_stays() -> None:
    def step(x: pg.Tensor, w: pg.Tensor, b: pg.Tensor) -> pg.Tensor:
        y = ops.matmul(x, w)
        return ops.relu(y + b) + y

    rng = np.random.default_rng(1)
    runs = [arrays(rng, (4, 5), (5, 32), (32,)) for _ in range(3)]
    results, called = replayed(step, runs)
    np.testing.assert_array_equal(results[2], step(*runs[2]).numpy())
    assert called == ["matmul", "add", "relu", "add"]


def test_an_operand_that_comes_later_is_waited_for() -> None:
    def step(x: pg.Tensor, w: pg.Tensor, b: pg.Tensor) -> pg.Tensor:
        y = ops.matmul(x, w)
        return y + b * 2.0

    rng = np.random.default_rng(2)
    runs = [arrays(rng, (4, 5), (5, 32), (32,)) for _ in range(3)]
    results, called = replayed(step, runs)
    np.testing.assert_array_equal(results[2], step(*runs[2]).numpy())
    assert called == ["matmul", "mul", "add"]


def test_a_bias_that_is_no_vector_of_the_last_axis_stays_an_add() -> None:
    rng = np.random.default_rng(3)
    for shape in ((1, 32), (4, 32), (4, 1), (1,)):
        runs = [arrays(rng, (4, 5), (5, 32), shape) for _ in range(3)]

        def step(x: pg.Tensor, w: pg.Tensor, b: pg.Tensor) -> pg.Tensor:
            return ops.relu(ops.matmul(x, w) + b)

        results, called = replayed(step, runs)
        np.testing.assert_array_equal(results[2], step(*runs[2]).numpy())
        assert called == ["matmul", "add", "relu"]


def test_an_update_between_product_and_bias_keeps_them_apart() -> None:
    bias = pg.full((32,), 1.0)

    def step(x: pg.Tensor, w: pg.Tensor) -> pg.Tensor:
        y = ops.matmul(x, w)
        bias.assign_(bias * 0.5)
        return y + bias

    rng = np.random.default_rng(4)
    runs = [arrays(rng, (4, 5), (5, 32)) for _ in range(4)]
    results, called = replayed(step, runs)
    for k, (result, (x, w)) in enumerate(zip(results, runs, strict=True)):
        np.testing.assert_array_equal(result, ops.matmul(x, w).numpy() + np.float32(0.5 ** (k + 1)))
    assert called[0] == "matmul"
    assert called[-1] == "add"
