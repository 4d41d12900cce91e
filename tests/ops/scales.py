"""What the terms of a formula add up to before they cancel.

A derivative that takes something away (softmax's a common shift, a norm's shift and stretch) may
leave little of large terms. What one rounding of each term can do is then bounded by the formula
with every minus a plus, not by its result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from unittest import mock

import numpy as np

__all__ = ["TermScale"]

_PLUS = {np.subtract: np.add, np.negative: np.positive}


class Terms(np.ndarray):
    """Magnitudes, in whose arithmetic nothing cancels; ``true``: the values, of an input."""

    true: np.ndarray

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: np.ndarray, **settings: object
    ) -> np.ndarray:
        plain = [np.asarray(x) for x in inputs]
        y = getattr(_PLUS.get(ufunc, ufunc), method)(*plain, **settings)
        return _magnitudes(y)


def _magnitudes(y: np.ndarray) -> Terms:
    return np.asarray(np.abs(np.asarray(y))).view(Terms)


class TermScale:
    """A `Case.scale`: the reference's formulas with every minus a plus.

    ``values`` are functions of the reference's ``room`` that formulas start from (a probability, a
    normalised input). They are evaluated as they are; only their results become magnitudes.
    """

    def __init__(self, room: ModuleType, *values: str) -> None:
        self.room, self.values = room, values

    def __call__(self, f: Callable, args: Sequence[np.ndarray]) -> list[float]:
        inputs = []
        for x in args:
            if x.dtype.kind == "f":
                terms = _magnitudes(x)
                terms.true = x
                inputs.append(terms)
            else:
                inputs.append(x)
        originals = {name: getattr(self.room, name) for name in self.values}
        exact = {
            name: _exactly(function, self.room, originals) for name, function in originals.items()
        }
        with mock.patch.multiple(self.room, **exact):
            return [float(np.abs(np.asarray(y)).max(initial=0)) for y in f(*inputs)]


def _exactly(function: Callable, room: ModuleType, originals: dict[str, Callable]) -> Callable:
    def call(*args: object, **hyper: object) -> object:
        with mock.patch.multiple(room, **originals):  # they may use one another
            y = function(*(x.true if isinstance(x, Terms) else x for x in args), **hyper)
        return tuple(map(_magnitudes, y)) if isinstance(y, tuple) else _magnitudes(y)

    return call
