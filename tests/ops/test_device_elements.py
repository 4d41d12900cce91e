"""Kernels that go over elements, on devices: the CPU's bits, at sizes around their blocks.

Blocks have 256 threads, vectors 4 elements, a launch at most 2048 blocks, a cumulative sum tiles of
256 and pieces of 4096.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from pygan import nn, ops

SIZES = (0, 1, 3, 4, 5, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025, 4097)
MORE_THAN_A_LAUNCH = 4 * 2048 * 256 + 1031  # also four elements a thread
KEY = np.array([-5, 6, 7], np.int64)

pytestmark = pytest.mark.parametrize("device", DEVICES)


def numbers(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.asarray(3 * np.random.default_rng(seed).standard_normal(shape), dtype)


def same_bits(device: str, f: Callable[..., pg.Tensor], *inputs: np.ndarray) -> None:
    here = f(*(pg.tensor(x) for x in inputs))
    there = f(*(pg.tensor(x, device=device) for x in inputs))
    assert there.device == device
    a, b = here.numpy(), there.numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert a.tobytes() == b.tobytes(), f"{np.argwhere(a != b)[:5]} of {a.shape}"


@pytest.mark.parametrize("n", [*SIZES, MORE_THAN_A_LAUNCH])
def test_of_one_and_two_operands(device: str, n: int) -> None:
    x, y = numbers(n), numbers(n, seed=1)
    same_bits(device, ops.neg, x)
    same_bits(device, ops.mul, x, y)
    same_bits(device, lambda a: ops.astype(a, "int64"), x)
    same_bits(device, lambda a: ops.dropout(a, pg.tensor(KEY, device=a.device), 0.3), x)


@pytest.mark.parametrize("n", SIZES)
def test_of_every_family(device: str, n: int) -> None:
    x, y, number = numbers(n), numbers(n, seed=1), np.float32(0.7)
    same_bits(device, ops.gelu, x)
    same_bits(device, ops.sub, number, x)
    same_bits(device, ops.sub, x, number)
    same_bits(device, ops.less, x, y)
    same_bits(device, ops.less, x, number)
    same_bits(device, lambda a: ops.clip(a, -1, 1), x)
    same_bits(device, ops.where, x > 0, x, y)
    same_bits(device, lambda a: ops.astype(a, "bool"), x)
    same_bits(device, ops.bce_with_logits, x, np.asarray(x > y, np.float32))


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_rows_of_a_tensor_that_are_not_aligned(device: str, first: int) -> None:
    """The leading axis' slices are the tensor's own memory: not a multiple of 16 bytes from it."""
    x, y = numbers(300), numbers(300, seed=1)
    same_bits(device, lambda a: ops.neg(a[first:]), x)
    same_bits(device, lambda a, b: ops.add(a[first:], b[:-first]), x, y)
    same_bits(device, lambda a, b: ops.add(a[:-first], b[first:]), x, y)
    same_bits(device, lambda a: ops.concat([a[first:], a[first:]], 0), x)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((70, 5), (5,)),
        ((70, 5), (70, 1)),
        ((1, 33), (33, 1)),
        ((3, 1, 7, 1, 11), (2, 1, 13, 1)),
        ((), (300,)),
        ((0, 5), (5,)),
    ],
)
def test_broadcast_operands(device: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = numbers(*a), numbers(*b, seed=1)
    same_bits(device, ops.div, x, y)
    same_bits(device, ops.div, y, x)
    same_bits(device, ops.greater, x, y)
    same_bits(device, ops.where, x > 0, x, y)
    same_bits(device, lambda u: ops.broadcast_to(u, np.broadcast_shapes(a, b)), x)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64", "bool"])
def test_copies_of_every_width(device: str, dtype: str) -> None:
    x = numbers(17, 5, 33).astype(dtype)
    same_bits(device, lambda a: ops.transpose(a, (2, 0, 1)), x)
    same_bits(device, lambda a: a[::-2, 1:4, ::3], x)
    same_bits(device, lambda a: ops.concat([a, a], 1), x)
    same_bits(device, lambda a: ops.concat([a, a], 0), x)
    for n in (1, 15, 16, 17, 4096):  # one run, of whole 16 bytes or not
        same_bits(device, lambda a: ops.concat([a, a], 0), x.reshape(-1)[:n])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 255, 1024, 1027])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_numbers(device: str, n: int, dtype: str) -> None:
    if dtype == "float64" and device == "cuda":
        pytest.skip("float64 is for cpu and emu")
    same_bits(device, lambda key: ops.uniform(key, (n,), dtype), KEY)
    same_bits(device, lambda key: ops.normal(key, (n,), dtype), KEY)
    same_bits(device, lambda key: ops.bernoulli(key, 0.3, (n,), dtype), KEY)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 64, 65, 257, 3000])
def test_permutation(device: str, n: int) -> None:
    same_bits(device, lambda key: ops.permutation(key, n), KEY)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 32, 33, 255, 256, 257, 513, 4096, 4097, 8193])
def test_cumulative_sum(device: str, n: int, reverse: bool) -> None:
    """Small integers: exact, whatever the order of additions."""
    x = np.random.default_rng(n).integers(-9, 10, (2, n, 3)).astype(np.float32)
    same_bits(device, lambda a: ops.cumsum(a, 1, reverse=reverse), x)


OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], pg.optim.Optimizer]] = {
    "adam": lambda p: pg.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "sgd": lambda p: pg.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda p: pg.optim.RMSProp(p, lr=0.01),
    "rmsprop, momentum": lambda p: pg.optim.RMSProp(p, lr=0.01, momentum=0.9),
    "rmsprop, centred": lambda p: pg.optim.RMSProp(p, lr=0.01, centered=True),
    "rmsprop, both": lambda p: pg.optim.RMSProp(p, lr=0.01, momentum=0.9, centered=True),
}
SHAPES = ((), (3,), (257,), (4097,), (33, 1000))  # the last: three chunks


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates(device: str, name: str) -> None:
    results = []
    for where in ("cpu", device):
        params = [
            nn.Parameter(pg.tensor(numbers(*s, seed=i), device=where)) for i, s in enumerate(SHAPES)
        ]
        optimizer = OPTIMIZERS[name](params)
        for step in range(3):
            for i, p in enumerate(params):
                p.grad = pg.tensor(numbers(*p.shape, seed=10 * step + i), device=where)
            optimizer.step()
        results.append([p.numpy() for p in params])
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(there, here)


def test_moving_average_and_weight_clipping(device: str) -> None:
    a, p = [numbers(*s) for s in SHAPES], [numbers(*s, seed=1) for s in SHAPES]
    results = []
    for where in ("cpu", device):
        average = [pg.tensor(x, device=where) for x in a]
        pg._core.ema_(average, [pg.tensor(x, device=where) for x in p], pg.tensor(np.array([0.9])))
        pg._core.clip_(average, pg.tensor(np.array([-0.5, 0.5])))
        results.append([x.numpy() for x in average])
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e19])
def test_a_value_that_is_not_finite_is_found_anywhere(device: str, value: float) -> None:
    shapes = (3, 257, 4096)
    assert pg._core.all_finite([pg.tensor(numbers(n), device=device) for n in shapes])
    for i, n in enumerate(shapes):
        for at in (0, n // 2, n - 1):
            xs = [numbers(m) for m in shapes]
            xs[i][at] = value
            assert not pg._core.all_finite([pg.tensor(x, device=device) for x in xs]), (i, at)
