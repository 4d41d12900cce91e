"""Case: everything the tests and benchmarks must know of one operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st

from ops.scales import TermScale
from pygan import reference
from pygan.testing.strategies import LAYOUTS, fill, seeds, with_layout

SMALL, USUAL = 24, 1200  # elements an example's largest input may have, about


@dataclass(frozen=True)
class Example:
    """One call: float inputs are differentiated, integer ones not; ``hyper`` goes by keyword."""

    inputs: tuple[np.ndarray, ...]
    hyper: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        arrays = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.inputs)
        return f"({arrays}, {self.hyper})"


Draw = Callable[[st.DrawFn, str, int], Example]


@dataclass(frozen=True)
class Case:
    """One operation.

    draw(draw, dtype, limit): an example whose inputs have about ``limit`` elements at most.
    engine(*tensors, **hyper): the call; None: ``pygan.ops.<name>``.
    scale: what the error bound is relative to: "absolute" where the op is (multi)linear, the op on
        absolute values (of the op ``scale_of``, where signs inside it would cancel them), else
        "perturbation"; or a function of the order and that order's arguments; or a TermScale where
        a derivative takes away what need not be small.
    exact: orders at which the engine must give NumPy's bits: it only moves or selects values.
    outputs: how many of the outputs, from the first, carry gradients.
    differentiable: False where no output carries any (indices, masks, random numbers): order 0 must
        be NumPy's bits, and a derivative of it must raise.
    composite: a public function made of other ops, which has no registered op of its own.
    smooth: draws examples that finite differences can be taken at, where ``draw`` visits kinks.
    big: an example large enough to be split among threads.
    flops(example, outputs): multiplications and additions; None: one an output element.
    """

    name: str
    draw: Draw
    engine: Callable | None = None
    scale: Literal["absolute", "perturbation"] | TermScale | Callable[..., list[float]] = (
        "perturbation"
    )
    scale_of: str | None = None
    exact: frozenset[int] = frozenset()
    outputs: int = 1
    differentiable: bool = True
    composite: bool = False
    smooth: Draw | None = None
    big: Callable[[], Example] | None = None
    flops: Callable[[Example, tuple[np.ndarray, ...]], float] | None = None

    @property
    def reference(self) -> reference.Reference:
        return reference.lookup(self.name)

    def call(self, *tensors: Any, **hyper: Any) -> Any:
        import pygan as pg

        return (self.engine or getattr(pg.ops, self.name))(*tensors, **hyper)

    def examples(self, dtype: str, limit: int = USUAL, smooth: bool = False) -> st.SearchStrategy:
        draw_example = self.smooth if smooth and self.smooth else self.draw
        return st.composite(lambda draw: draw_example(draw, dtype, limit))()

    def count_flops(self, example: Example, outputs: tuple[np.ndarray, ...]) -> float:
        if self.flops:
            return self.flops(example, outputs)
        return float(sum(y.size for y in outputs))

    def count_bytes(self, example: Example, outputs: tuple[np.ndarray, ...]) -> int:
        return sum(x.nbytes for x in (*example.inputs, *outputs))


def values(
    draw: st.DrawFn,
    shapes: tuple[tuple[int, ...], ...],
    dtype: str,
    low: float = -2.0,
    high: float = 2.0,
    kinks: tuple[float, ...] = (),
) -> tuple[np.ndarray, ...]:
    """One array a shape, each in a memory layout of its own."""
    rng = np.random.default_rng(draw(seeds))
    layout = draw(st.sampled_from(LAYOUTS))
    return tuple(
        with_layout(rng, fill(rng, s, dtype, low, high, kinks), layout if i == 0 else "dense")
        for i, s in enumerate(shapes)
    )


def random(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return fill(np.random.default_rng(seed), shape, dtype)
