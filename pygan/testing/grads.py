"""Gradients against finite differences of the function itself, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

import pygan as pg

__all__ = ["check_grads"]


def check_grads(
    f: Callable,
    inputs: Sequence,
    order: int = 1,
    *,
    tolerance: float = 1e-5,
    step: float = 1e-6,
    full: int = 64,
    directions: int = 4,
    seed: int = 0,
    name: str | None = None,
) -> None:
    """Raises AssertionError where a derivative of ``f``, up to ``order``, is wrong.

    ``f`` takes tensors like ``inputs`` and returns a tensor or a tuple of them; ``inputs`` are
    float64 arrays or tensors, of which integer ones are passed through unchanged. Order 1 compares
    ``pg.grad`` of f with central differences of f. Order k compares ``pg.grad`` of the gradient of
    order k - 1 with differences of that gradient, as a function of the inputs and of its cotangents
    (which are random, never ones). So each order stands on the one before.

    Up to ``full`` elements in and out, the whole Jacobians J and Jd (by differences) must satisfy
    ``max|J - Jd| <= tolerance max(1, max|Jd|)``. Above, ``directions`` random directions: u^T J v
    against u^T (f(x + h v) - f(x - h v)) / 2h, with normal u and v = +-1, to the same tolerance.
    ``step`` h is relative to the largest input. Keep inputs further than h from kinks.

    Raises DTypeError for float32 inputs: differences mean nothing in it.
    """
    if order < 1:
        raise pg.ConfigError(f"check_grads: order must be at least 1, got {order}")
    values = [x.numpy() if isinstance(x, pg.Tensor) else np.asarray(x) for x in inputs]
    for i, x in enumerate(values):
        if np.issubdtype(x.dtype, np.floating) and x.dtype != np.float64:
            raise pg.DTypeError(f"check_grads: input {i} is {x.dtype}, differences need float64")
    rng = np.random.default_rng(seed)
    name = name or getattr(f, "__name__", "f")
    for k in range(1, order + 1):
        if k > 1:
            f, values = _gradient(f, values, rng)
        check = _Check(f, values, step, tolerance, f"{name}: gradient of order {k}")
        if max(check.size_in, check.size_out) <= full:
            check.jacobian()
        else:
            for _ in range(directions):
                check.direction(rng)


def _tuple(y: object) -> tuple:
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def _floating(x: np.ndarray) -> bool:
    return np.issubdtype(x.dtype, np.floating)


def _gradient(f: Callable, values: list[np.ndarray], rng: np.random.Generator) -> tuple:
    """(g, its inputs): g(*inputs, *cotangents) = the gradients of f, recorded."""
    with pg.no_grad():
        outputs = _tuple(f(*(pg.tensor(x) for x in values)))
    cotangents = [rng.standard_normal(y.shape) for y in outputs if _floating(y.numpy())]
    inputs = [i for i, x in enumerate(values) if _floating(x)]

    def gradient(*args: pg.Tensor) -> tuple:
        xs, dys = args[: len(values)], args[len(values) :]
        xs = [x if i not in inputs or x.requires_grad else _leaf(x) for i, x in enumerate(xs)]
        with pg.enable_grad():
            ys = [y for y in _tuple(f(*xs)) if _floating(y.numpy())]
            pairs = [(y, dy) for y, dy in zip(ys, dys, strict=True) if y.requires_grad]
            if not pairs:
                return tuple(pg.zeros(xs[i].shape, "float64") for i in inputs)
            outs, cots = zip(*pairs, strict=True)
            return pg.grad(list(outs), [xs[i] for i in inputs], list(cots), create_graph=True)

    return gradient, [*values, *cotangents]


def _leaf(x: pg.Tensor) -> pg.Tensor:
    return x.detach().requires_grad_(True)


class _Check:
    """f at one point: its values, its vjp, and its differences."""

    def __init__(
        self, f: Callable, values: list[np.ndarray], step: float, tolerance: float, what: str
    ) -> None:
        self.f, self.values, self.tolerance, self.what = f, values, tolerance, what
        self.inputs = [i for i, x in enumerate(values) if _floating(x)]
        largest = max((np.abs(values[i]).max(initial=0.0) for i in self.inputs), default=0.0)
        self.h = step * max(1.0, float(largest))
        self.xs = [pg.tensor(x, requires_grad=_floating(x)) for x in values]
        self.ys = [y for y in _tuple(f(*self.xs)) if _floating(y.numpy())]
        self.size_in = sum(values[i].size for i in self.inputs)
        self.size_out = sum(y.size for y in self.ys)

    def evaluate(self, moved: list[np.ndarray]) -> list[np.ndarray]:
        args = list(self.values)
        for i, x in zip(self.inputs, moved, strict=True):
            args[i] = x
        with pg.no_grad():
            ys = _tuple(self.f(*(pg.tensor(x) for x in args)))
        return [y.numpy() for y in ys if _floating(y.numpy())]

    def difference(self, v: list[np.ndarray]) -> list[np.ndarray]:
        """``(f(x + h v) - f(x - h v)) / 2h``, one array an output"""
        xs = [self.values[i] for i in self.inputs]
        ahead, behind = (
            self.evaluate([x + h * d for x, d in zip(xs, v, strict=True)])
            for h in (self.h, -self.h)
        )
        return [(a - b) / (2 * self.h) for a, b in zip(ahead, behind, strict=True)]

    def vjp(self, cotangents: list[np.ndarray]) -> list[np.ndarray]:
        pairs = [(y, c) for y, c in zip(self.ys, cotangents, strict=True) if y.requires_grad]
        wanted = [self.xs[i] for i in self.inputs]
        if not pairs:
            return [np.zeros(x.shape) for x in wanted]
        grads = pg.grad(
            [y for y, _ in pairs], wanted, [pg.tensor(c) for _, c in pairs], retain_graph=True
        )
        return [g.numpy() for g in grads]

    def jacobian(self) -> None:
        analytic = {}  # (output, input) -> (size out, size in)
        for o, y in enumerate(self.ys):
            for i in self.inputs:
                analytic[o, i] = np.zeros((y.size, self.values[i].size))
            for row in range(y.size):
                cotangents = [np.zeros(z.shape) for z in self.ys]
                cotangents[o].flat[row] = 1
                for i, g in zip(self.inputs, self.vjp(cotangents), strict=True):
                    analytic[o, i][row] = g.reshape(-1)
        numeric = {key: np.zeros_like(j) for key, j in analytic.items()}
        for i in self.inputs:
            for column in range(self.values[i].size):
                v = [np.zeros(self.values[j].shape) for j in self.inputs]
                v[self.inputs.index(i)].flat[column] = 1
                for o, d in enumerate(self.difference(v)):
                    numeric[o, i][:, column] = d.reshape(-1)
        for (o, i), j in analytic.items():
            self.compare(o, i, j, numeric[o, i])

    def compare(self, o: int, i: int, j: np.ndarray, jd: np.ndarray) -> None:
        errors = np.nan_to_num(np.abs(j - jd), nan=np.inf)
        bound = self.tolerance * max(1.0, np.abs(jd).max(initial=0.0))
        if errors.max(initial=0.0) <= bound:
            return
        row, column = np.unravel_index(errors.argmax(), errors.shape)
        y, x = self.ys[o].shape, self.values[i].shape
        at_y, at_x = (tuple(map(int, np.unravel_index(k, s))) for k, s in ((row, y), (column, x)))
        shapes = ", ".join(str(v.shape) for v in self.values)
        raise AssertionError(
            f"{self.what} is wrong for input {i} (inputs {shapes}): "
            f"d output {o}{list(at_y)} / d input {i}{list(at_x)} = {j[row, column]:.10g}, "
            f"by differences {jd[row, column]:.10g} (error {errors[row, column]:.3g}, bound "
            f"{bound:.3g}, {int((errors > bound).sum())} of {errors.size} entries off)"
        )

    def direction(self, rng: np.random.Generator) -> None:
        u = [rng.standard_normal(y.shape) for y in self.ys]
        gradients = self.vjp(u)
        # One input at a time: a sum over all would not say which one is wrong.
        for k, (i, g) in enumerate(zip(self.inputs, gradients, strict=True)):
            v = [np.zeros(self.values[j].shape) for j in self.inputs]
            v[k] = rng.choice((-1.0, 1.0), v[k].shape)
            pairs = zip(u, self.difference(v), strict=True)
            jd = float(sum(itertools.starmap(lambda a, b: (a * b).sum(), pairs)))
            j = float((g * v[k]).sum())
            if not abs(j - jd) <= self.tolerance * max(1.0, abs(jd)):
                shapes = ", ".join(str(x.shape) for x in self.values)
                raise AssertionError(
                    f"{self.what} is wrong for input {i} (inputs {shapes}): along a random "
                    f"direction {j:.10g}, by differences {jd:.10g} (error {abs(j - jd):.3g})"
                )
