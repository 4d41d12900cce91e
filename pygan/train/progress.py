"""What a person sees while training: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

__all__ = ["Progress"]

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Losses, images a second and the time left, on standard error.

    ``show``: True always shows something (a bar on a terminal, else a line every ten seconds and at
    each score), None only on a terminal, False nothing. ``unit``: what samples are called.
    """

    def __init__(self, first: int, last: int, show: bool | None, unit: str = "images") -> None:
        self._unit = unit
        terminal = sys.stderr.isatty()
        self._shown = terminal if show is None else show
        self._first, self._last = first, last
        self._bar: Any = None
        self._start = self._told = time.monotonic()
        if self._shown and terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=last, initial=first, unit="step", dynamic_ncols=True, smoothing=0.1
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, step: int, losses: tuple[float, float], rate: float | None) -> None:
        """Tell that ``step`` is done; cheap, so called after each."""
        if not self._shown:
            return
        now = time.monotonic()
        if self._bar is not None:
            if now - self._told > 0.2:
                self._bar.set_postfix_str(_text(losses, rate, self._unit), refresh=False)
                self._told = now
            self._bar.update(step - self._bar.n)
        elif now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            left = (now - self._start) / (step - self._first) * (self._last - step)
            print(
                f"step {step}/{self._last}  {_text(losses, rate, self._unit)}  {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def score(self, row: Mapping[str, Any]) -> None:
        """Show a line of metrics that has scores."""
        if not self._shown or not ("swd" in row or "fd" in row):
            return
        if self._unit == "points":
            from pygan.train.point_scores import in_words
        else:
            from pygan.train.score_page import in_words
        text = f"step {row['step']}: {in_words(row)}"
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


def _text(losses: tuple[float, float], rate: float | None, unit: str) -> str:
    text = f"loss D {losses[0]:.3f}  G {losses[1]:.3f}"
    return text if rate is None else f"{text}  {rate:.0f} {unit}/s"
