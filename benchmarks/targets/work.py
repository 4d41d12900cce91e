"""What a peer's process runs: a work has variants, is checked, and is timed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np


class Work(ABC):
    """One part of a case, made ready by one peer in one variant."""

    @abstractmethod
    def check(self) -> dict[str, np.ndarray]:
        """Values and gradients at the case's data, in pygan's layouts; before any `run`."""

    @abstractmethod
    def run(self) -> None:
        """The timed work, once."""

    def time(self, count: int) -> float:
        """Seconds for ``count`` runs."""
        run = self.run
        start = time.perf_counter()
        for _ in range(count):
            run()
        return time.perf_counter() - start


class Function(Work):
    """A work that computes one array."""

    def __init__(self, run: Callable[[], object], array: Callable[[object], np.ndarray]) -> None:
        self._run, self._array = run, array

    def check(self) -> dict[str, np.ndarray]:
        return {"value": self._array(self._run())}

    def run(self) -> None:
        self._run()
