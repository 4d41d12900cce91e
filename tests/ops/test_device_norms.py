"""Kernels of the norms on devices: shapes around their blocks, large means, absent operands.

A block has up to 32 columns and 256 threads, a thread 32 rows: 256 rows a chunk from 32 columns on,
8192 rows where there is one column.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from ops.case import Example
from ops.compare import compare
from pygan import ops

pytestmark = pytest.mark.parametrize("device", DEVICES)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check(device: str, name: str, *inputs: np.ndarray, **hyper: object) -> None:
    from cases import CASES

    compare(CASES[name], Example(inputs, hyper), 1, device)


SHAPES = [
    (3, 31),
    (7, 32),
    (8, 33),
    (9, 65),
    (255, 33),
    (257, 32),
    (513, 40),
    (8191, 1),
    (8193, 1),
    (3000, 3),
    (1100, 5),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(device: str, shape: tuple[int, int]) -> None:
    c = shape[1]
    check(device, "batch_norm", numbers(*shape), numbers(c, seed=1), numbers(c, seed=2))


@pytest.mark.parametrize(
    ("positions", "groups"), [(1, 1), (1, 3), (1, 33), (4, 3), (4, 99), (257, 1), (300, 3)]
)
def test_group_norm(device: str, positions: int, groups: int) -> None:
    x, c = numbers(2, positions, 99), 99
    check(device, "group_norm", x, numbers(c, seed=1), numbers(c, seed=2), groups=groups)


@pytest.mark.parametrize("op", ["virtual_batch_norm", "reference_batch_norm"])
@pytest.mark.parametrize("shape", [(3, 4, 33), (40, 5, 3), (2, 300, 32), (300, 3, 1)])
def test_virtual_batch_norm(device: str, shape: tuple[int, ...], op: str) -> None:
    x, c = numbers(*shape), shape[-1]
    check(device, op, x, numbers(4, *shape[1:], seed=3), numbers(c, seed=1), numbers(c, seed=2))


@pytest.mark.parametrize("offset", [1e3, -1e4])
def test_large_means_keep_the_variance(device: str, offset: float) -> None:
    x = (offset + 0.01 * numbers(2, 300, 6)).astype(np.float32)

    def hat(axes: tuple[int, ...]) -> np.ndarray:
        truth = x.astype(np.float64)
        centred = truth - truth.mean(axes, keepdims=True)
        return centred / np.sqrt(truth.var(axes, keepdims=True) + 1e-8)

    a = pg.tensor(x, device=device)
    bound = 4 * np.finfo(np.float32).eps * abs(offset) / 0.01  # of a mean rounded to float32
    for y, axes in (
        (ops.batch_norm(a, eps=1e-8), (0, 1)),
        (ops.group_norm(a, 6, eps=1e-8), (1,)),
        (ops.virtual_batch_norm(a, a, eps=1e-8)[1], (0, 1)),
    ):
        y = y[0] if isinstance(y, tuple) else y
        assert np.abs(y.numpy() - hat(axes)).max() <= bound


def gradients(device: str, f: Callable[..., list[pg.Tensor]], *inputs: np.ndarray) -> list:
    xs = [pg.tensor(x, device=device, requires_grad=True) for x in inputs]
    ys = f(*xs)
    dys = [pg.tensor(numbers(*y.shape, seed=5), device=device) for y in ys]
    return [t.numpy() for t in (*ys, *pg.grad(ys, xs, dys))]


def test_absent_operands_and_outputs(device: str) -> None:
    """No weight, no bias, one output only, an empty batch beside a reference batch."""
    x, ref, w, none = numbers(5, 3, 7), numbers(4, 3, 7, seed=1), numbers(7), numbers(0, 3, 7)
    runs: list[tuple[Callable[..., list[pg.Tensor]], tuple[np.ndarray, ...]]] = [
        (lambda a: [ops.group_norm(a, 7)], (x,)),
        (lambda a, v: [ops.group_norm(a, 1, v)], (x, w)),
        (lambda a, v: [ops.group_norm(a, 7, v)], (none, w)),
        (lambda a: [ops.batch_norm_eval(a, None, None, a[0, 0], ops.square(a[0, 1]))], (x,)),
        (lambda a, r: [ops.virtual_batch_norm(a, r)[0]], (x, ref)),
        (lambda a, r: [ops.virtual_batch_norm(a, r)[1]], (x, ref)),
        (lambda a, r, v: list(ops.virtual_batch_norm(a, r, v)), (none, ref, w)),
        (lambda a, r, v: list(ops.reference_batch_norm(a, r, v)), (none, ref, w)),
    ]
    for f, inputs in runs:
        here, there = gradients("cpu", f, *inputs), gradients(device, f, *inputs)
        for a, b in zip(here, there, strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=2e-5 * max(1.0, np.abs(a).max(initial=0)))
