"""How close is close enough: an error bound that follows from the arithmetic, not from taste."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["assert_close", "error_ratio", "magnitude_scale", "perturbation_scale"]

_FLOAT64 = 1e-10  # of the scale: truth is float64 itself, so this leaves room for its own rounding
_STEP = float(np.finfo(np.float32).eps)


def magnitude_scale(f: Callable, inputs: Sequence[np.ndarray]) -> list[float]:
    """The scale of a (multi)linear ``f``: the largest ``f(|x|)``, one number an output.

    It is what the terms of a sum add up to before they cancel, so ``eps * scale`` bounds what one
    rounding of each term can do.
    """
    return _largest(_outputs(f(*(np.abs(x) for x in inputs))))


def perturbation_scale(
    f: Callable, inputs: Sequence[np.ndarray], rng: np.random.Generator, draws: int = 4
) -> list[float]:
    """The scale of any ``f``, an output: ``max(max|f(x (1 + d)) - f(x)| / eps, max|f(x)|)``.

    Every element of every input moves by d = +-eps with random signs, ``draws`` times. The first
    term is what rounding the inputs does to the result, the second what rounding the result does:
    without it a correctly rounded value of a flat f would be refused. ``inputs`` are float64, or
    stay as they are.
    """
    at = _outputs(f(*inputs))
    worst = np.zeros(len(at))
    for _ in range(draws):
        moved = [
            x * (1 + _STEP * rng.choice((-1.0, 1.0), x.shape)) if x.dtype == np.float64 else x
            for x in inputs
        ]
        worst = np.maximum(
            worst, _largest([a - b for a, b in zip(_outputs(f(*moved)), at, strict=True)])
        )
    return list(np.maximum(worst / _STEP, _largest(at)))


def error_ratio(
    actual: np.ndarray,
    expected: np.ndarray,
    same_precision: np.ndarray | None,
    scale: float,
) -> float:
    """``max|actual - expected|`` over the bound of :func:`assert_close`: fine up to 1."""
    errors = _errors(actual, expected)
    error = float(errors.max(initial=0.0))
    bound = _bound(actual.dtype, expected, same_precision, scale)
    return 0.0 if error == 0 else error / bound if bound > 0 else np.inf


def assert_close(
    actual: np.ndarray,
    expected: np.ndarray,
    same_precision: np.ndarray | None = None,
    scale: float | None = None,
    what: str = "values",
) -> float:
    """Raises AssertionError unless ``actual`` is as good as its precision allows; returns a ratio.

    ``expected`` is the truth: float64, on inputs rounded to actual's precision. For float32 the
    bound on ``max|actual - expected|`` is::

        2 max|same_precision - expected| + 4 eps scale

    with ``same_precision`` what NumPy makes of the same inputs in actual's dtype (None: no such
    term) and ``scale`` from :func:`magnitude_scale` or :func:`perturbation_scale` (None: the
    largest |expected|). For float64 the bound is ``1e-10 scale``. Shapes must agree, and so must
    every NaN and infinity. ``what`` names the values in the message.
    """
    actual = np.asarray(actual)
    expected = np.asarray(expected)
    if actual.shape != expected.shape:
        raise AssertionError(f"{what}: shape {actual.shape}, expected {expected.shape}")
    if same_precision is not None and actual.dtype != same_precision.dtype:
        raise AssertionError(f"{what}: dtype {actual.dtype}, expected {same_precision.dtype}")
    if scale is None:
        scale = _largest([expected])[0]
    ratio = error_ratio(actual, expected, same_precision, scale)
    if ratio <= 1:
        return ratio
    errors = _errors(actual, expected)
    at = tuple(int(i) for i in np.unravel_index(errors.argmax(), errors.shape))
    bound = _bound(actual.dtype, expected, same_precision, scale)
    raise AssertionError(
        f"{what}: {actual.dtype} of shape {actual.shape} is {ratio:.3g} times its bound off; worst "
        f"at {at}: {actual[at]!r}, expected {expected[at]!r} (error {errors[at]:.3g}, bound "
        f"{bound:.3g}, scale {scale:.3g})"
    )


def _bound(dtype: np.dtype, expected: np.ndarray, same: np.ndarray | None, scale: float) -> float:
    if dtype == np.float64:
        return _FLOAT64 * scale
    ours = 0.0 if same is None else float(_errors(same, expected).max(initial=0.0))
    eps = float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0
    return 2 * (ours if np.isfinite(ours) else 0.0) + 4 * eps * scale


def _errors(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|actual - expected| in float64; 0 where both are the same infinity or NaN, else infinite."""
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        errors = np.abs(a - b)
        return np.where(np.isfinite(errors), errors, np.where(_same(a, b), 0.0, np.inf))


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _outputs(y: np.ndarray | tuple) -> tuple:
    return y if isinstance(y, tuple) else (y,)


def _largest(arrays: Sequence[np.ndarray]) -> list[float]:
    return [float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in map(np.asarray, arrays)]
