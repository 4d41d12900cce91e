"""Everything an operation promises, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import pygan as pg
from pygan.testing.close import assert_close, perturbation_scale
from pygan.testing.grads import check_grads

__all__ = ["check_op"]


def check_op(
    op: Callable,
    inputs: Sequence,
    order: int = 2,
    *,
    tolerance: float = 1e-5,
    seed: int = 0,
    name: str | None = None,
) -> None:
    """Raises AssertionError where ``op`` breaks a promise; ``op`` is a `pygan.Op` or any function.

    ``inputs`` are arrays or tensors as ``op`` takes them; float ones are differentiated, in
    float64. In this order:

    - value: the same bits when it runs again; float32 inputs give float32, of the same shape, as
      close to the float64 value as `assert_close` asks for;
    - ``per_sample = True``: each row alone gives the bits that it has in the batch;
    - vjp: `check_grads` up to ``order``, against finite differences, to ``tolerance``;
    - jvp: ``<J u, v> = <u, J^T v>`` for random u and v, and the same for the derivatives of both
      sides with respect to the inputs.

    Keep inputs further than 1e-5 from kinks.
    """
    name = name or getattr(op, "name", None) or getattr(op, "__name__", "op")
    values = [x.numpy() if isinstance(x, pg.Tensor) else np.asarray(x) for x in inputs]
    wide = [x.astype(np.float64) if _floating(x) else x for x in values]
    rng = np.random.default_rng(seed)
    _check_value(op, wide, rng, name)
    if getattr(op, "per_sample", False):
        _check_rows(op, wide, name)
    outputs = [y for y in _outputs(op, wide, record=True)[1] if y.requires_grad]
    if not outputs:
        if getattr(op, "differentiable", True) and any(_floating(x) for x in wide):
            raise AssertionError(f"{name}: no output carries a gradient")
        return
    check_grads(_differentiable(op), wide, order, tolerance=tolerance, seed=seed, name=name)
    _check_jvp(op, wide, rng, name)


def _floating(x: np.ndarray) -> bool:
    return np.issubdtype(x.dtype, np.floating)


def _outputs(op: Callable, arrays: list, record: bool = False) -> tuple[list, list]:
    """(inputs, outputs) as tensors."""
    xs = [pg.tensor(x, requires_grad=record and _floating(x)) for x in arrays]
    ys = op(*xs)
    return xs, list(ys) if isinstance(ys, tuple | list) else [ys]


def _arrays(op: Callable, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(y.numpy() for y in _outputs(op, list(arrays))[1])


def _differentiable(op: Callable) -> Callable:
    """``op`` without the outputs that are constants to autograd (statistics, masks)."""

    def f(*xs: pg.Tensor) -> tuple:
        with pg.enable_grad():
            leaves = [x if x.requires_grad else x.detach() for x in xs]
            for x in leaves:
                if _floating(np.empty(0, x.dtype)) and not x.requires_grad:
                    x.requires_grad_(True)
            ys = op(*leaves)
        ys = ys if isinstance(ys, tuple | list) else (ys,)
        return tuple(y for y in ys if y.requires_grad)

    return f


def _check_value(op: Callable, wide: list, rng: np.random.Generator, name: str) -> None:
    truth, again = _arrays(op, wide), _arrays(op, wide)
    for i, (a, b) in enumerate(zip(truth, again, strict=True)):
        assert a.tobytes() == b.tobytes(), f"{name}: output {i} differs when it runs again"
    narrow = [x.astype(np.float32) if _floating(x) else x for x in wide]
    rounded = [x.astype(np.float64) if _floating(x) else x for x in narrow]
    scales = perturbation_scale(lambda *a: _arrays(op, a), rounded, rng)
    pairs = zip(_arrays(op, narrow), _arrays(op, rounded), scales, strict=True)
    for i, (y, expected, scale) in enumerate(pairs):
        what = f"{name}: output {i}"
        if not _floating(expected):
            assert y.dtype == expected.dtype, f"{what} is {y.dtype} and {expected.dtype}"
            continue
        if any(_floating(x) for x in wide):
            assert expected.dtype == np.float64, f"{what} is {expected.dtype} for float64 inputs"
            assert y.dtype == np.float32, f"{what} is {y.dtype} for float32 inputs"
        # A kernel of a few roundings: NumPy's own float32 error is not known here.
        assert_close(y, expected, scale=4 * scale, what=f"{what} in float32")


def _check_rows(op: Callable, wide: list, name: str) -> None:
    whole = _arrays(op, wide)
    for b in range(len(whole[0])):
        row = _arrays(op, [x[b : b + 1] if len(x) == len(whole[0]) else x for x in wide])
        for i, (y, all_rows) in enumerate(zip(row, whole, strict=True)):
            assert y.tobytes() == all_rows[b : b + 1].tobytes(), (
                f"{name}: per_sample = True, but row {b} of output {i} depends on the other rows"
            )


def _check_jvp(op: Callable, wide: list, rng: np.random.Generator, name: str) -> None:
    xs, ys = _outputs(op, wide, record=True)
    wanted = [x for x in xs if x.requires_grad]
    ys = [y for y in ys if y.requires_grad]
    u = [pg.tensor(rng.standard_normal(x.shape)) for x in wanted]
    v = [pg.tensor(rng.standard_normal(y.shape)) for y in ys]
    forward = pg.jvp(ys, wanted, u)  # J u
    reverse = pg.grad(ys, wanted, v, create_graph=True)  # J^T v
    left, right = _inner(forward, v), _inner(reverse, u)
    _assert_equal(left, right, f"{name}: jvp against vjp, <J u, v> and <u, J^T v>")
    sides = [
        pg.grad(side, wanted, retain_graph=True)
        if side.requires_grad
        else [pg.zeros(x.shape, x.dtype) for x in wanted]
        for side in (left, right)
    ]
    for i, (a, b) in enumerate(zip(*sides, strict=True)):
        _assert_equal(a, b, f"{name}: derivative of jvp against that of vjp, input {i}")


def _inner(a: Sequence[pg.Tensor], b: Sequence[pg.Tensor]) -> pg.Tensor:
    terms = [(x * y).sum() for x, y in zip(a, b, strict=True)]
    return sum(terms[1:], terms[0])


def _assert_equal(a: pg.Tensor, b: pg.Tensor, what: str) -> None:
    x, y = a.numpy(), b.numpy()
    error = float(np.abs(x - y).max(initial=0.0))
    bound = 1e-9 * max(1.0, float(np.abs(y).max(initial=0.0)))
    if not error <= bound:
        raise AssertionError(f"{what} differ by {error:.3g} (bound {bound:.3g})")
