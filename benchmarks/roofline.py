"""The machine's two ceilings, measured: the micro-kernel's GFLOP/s and the memory's GB/s."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from statistics import median

import numpy as np

import pygan as pg

COPY_BYTES = 256 << 20  # of each array: far beyond any cache


@dataclass(frozen=True)
class Roofline:
    """What no kernel exceeds: ``gflops`` of arithmetic, ``gbs`` read and written in memory."""

    gflops: float
    gbs: float

    def floor(self, flops: float, bytes: float) -> float:
        """Seconds that the work takes at least. Below a cache's size it may take less."""
        return max(flops / self.gflops, bytes / self.gbs) / 1e9

    def percent(self, flops: float, bytes: float, seconds: float) -> float:
        return 100 * self.floor(flops, bytes) / seconds

    def bound(self, flops: float, bytes: float) -> str:
        return "arithmetic" if flops / self.gflops > bytes / self.gbs else "memory"


def copy_bandwidth(threads: int, rounds: int = 5) -> float:
    """GB/s of a plain copy, reads and writes counted once each, by ``threads`` threads."""
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    found = []
    for _ in range(rounds):
        workers = [threading.Thread(target=np.copyto, args=(t, s)) for s, t in parts]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        found.append(2 * source.nbytes / (time.perf_counter() - start) / 1e9)
    return median(found)


def measure(threads: int) -> Roofline:
    """Both ceilings, now."""
    peaks = [pg._core.micro_kernel_peak("float32", threads, 0.1) for _ in range(5)]
    return Roofline(median(peaks), copy_bandwidth(threads))
