"""How a case is measured: variants chosen, results compared, rounds interleaved, ratios summed up.

A round times every part once in each process, in an order that alternates from round to round,
while the other process is blocked in a read. The ratio of a round is peer / pygan, the geometric
mean over the parts. Reported is the median over rounds with the interval that holds the true median
with at least 95% probability (order statistics of the binomial distribution), whatever the noise
looks like.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import cpu_model, round_trip
from benchmarks.targets.cases import CASES, Case
from benchmarks.targets.worker import Worker

LARGEST_DIFFERENCE = 1e-4  # relative L2 of loss and gradients
FLOOR = 1e-3  # a gradient's norm counts as at least this share of its network's whole gradient
TARGET_SECONDS = 0.25  # of one timing of one part


def interval(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """Of the median: the k-th smallest and largest value, k as large as the confidence allows."""
    n, ordered = len(values), sorted(values)
    k, outside = 0, 0.0
    while True:
        outside += 2 * math.comb(n, k) / 2**n
        if outside > 1 - confidence or k >= (n - 1) // 2:
            break
        k += 1
    k = max(k - 1, 0) if outside > 1 - confidence else k
    return ordered[k], ordered[n - 1 - k]


def compare(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> tuple[float, str]:
    """The largest relative difference, and where. Raises ValueError for other names or shapes."""
    if ours.keys() != theirs.keys():
        raise ValueError(f"other results: {sorted(ours.keys() ^ theirs.keys())}")
    whole: dict[str, float] = {}
    for name, a in theirs.items():
        group = name.split(".")[0]
        whole[group] = math.hypot(whole.get(group, 0.0), float(np.linalg.norm(a)))
    worst, where = 0.0, ""
    for name, a in ours.items():
        b = theirs[name]
        if a.shape != b.shape:
            raise ValueError(f"{name}: shapes {a.shape} and {b.shape}")
        if not np.isfinite(a).all():
            raise ValueError(f"{name}: pygan's is not finite")
        norm = max(float(np.linalg.norm(b)), FLOOR * whole[name.split(".")[0]])
        difference = float(np.linalg.norm(a.astype(np.float64) - b)) / max(norm, 1e-30)
        if not difference <= worst:
            worst, where = difference, name
    return worst, where


class Pair:
    """pygan's process and a peer's."""

    def __init__(self, peer: str, threads: int, package: str = "benchmarks.targets") -> None:
        self.pygan, self.peer = (Worker(name, threads, package) for name in ("pygan", peer))

    def close(self) -> None:
        self.pygan.close()
        self.peer.close()

    def both(self, **request: Any) -> list[Any]:
        return [w.ask(**request) for w in (self.pygan, self.peer)]


def best_variant(worker: Worker, case: Case, part: int) -> str:
    """Leaves the fastest variant ready."""
    variants = worker.ask(do="variants", case=case.name, part=part)
    times: dict[str, float] = {}
    for variant in variants if len(variants) > 1 else []:
        worker.ask(do="make", case=case.name, part=part, variant=variant)
        worker.ask(do="time", part=part, count=2)
        times[variant] = min(worker.ask(do="time", part=part, count=1) for _ in range(5))
    best = min(times, key=times.__getitem__) if times else variants[0]
    worker.ask(do="make", case=case.name, part=part, variant=best)
    return best


def count_for(worker: Worker, part: int, target: float = TARGET_SECONDS) -> int:
    """Runs that last about ``target`` seconds."""
    count = 1
    while True:
        seconds = worker.ask(do="time", part=part, count=count)
        if seconds > target / 4 or count >= 1 << 14:
            return max(1, round(count * target / max(seconds, 1e-9)))
        count *= 4


def measure_time(
    pair: Pair,
    case: Case,
    rounds: int,
    say: Callable[[str], None],
    target: float = TARGET_SECONDS,
) -> dict[str, Any]:
    """Times of all parts, ratios by round; a timing lasts about ``target`` seconds."""
    parts = range(len(case.parts))
    chosen, worst = [], 0.0
    for i in parts:
        best_variant(pair.pygan, case, i)
        chosen.append(best_variant(pair.peer, case, i))
        difference, where = compare(pair.pygan.check(i), pair.peer.check(i))
        worst = max(worst, difference)
        if not difference <= LARGEST_DIFFERENCE:
            raise ValueError(
                f"{case.name} {case.parts[i].name}: {where} differs by {difference:.2g} from "
                f"{pair.peer.name}'s, more than {LARGEST_DIFFERENCE:g}"
            )
    counts = [[count_for(w, i, target) for i in parts] for w in (pair.pygan, pair.peer)]
    times: list[list[list[float]]] = [[[] for _ in parts] for _ in range(2)]
    ratios = []
    for r in range(rounds):
        logs = []
        for i in parts:
            pairs = list(enumerate((pair.pygan, pair.peer)))
            seconds = [0.0, 0.0]
            for k, worker in pairs if (r + i) % 2 else reversed(pairs):
                n = counts[k][i]
                seconds[k] = worker.ask(do="time", part=i, count=n) / n
                times[k][i].append(seconds[k])
            logs.append(math.log(seconds[1] / seconds[0]))
        ratios.append(math.exp(sum(logs) / len(logs)))
        say(f"\r{case.name}: round {r + 1} of {rounds}, {ratios[-1]:.2f}x ")
    low, high = interval(ratios)
    ours, theirs = ([median(t) for t in side] for side in times)
    spreads = [
        interval([b / a for a, b in zip(*both, strict=True)]) for both in zip(*times, strict=True)
    ]
    return {
        "value": median(ratios),
        "low": low,
        "high": high,
        "pygan": 1e3 * sum(ours),
        "peer": 1e3 * sum(theirs),
        "checked": worst,
        "variant": ", ".join(sorted(set(chosen))),
        "parts": [
            {
                "name": part.name,
                "pygan_ms": 1e3 * a,
                "peer_ms": 1e3 * b,
                "ratio": b / a,
                "low": spread[0],
                "high": spread[1],
                "variant": v,
                **({"gflops": part.flops / a / 1e9} if part.flops else {}),
            }
            for part, a, b, v, spread in zip(case.parts, ours, theirs, chosen, spreads, strict=True)
        ],
    }


def measure_memory(peer: str, case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Peak resident memory of three steps over that of the process before, in MB."""
    found: list[list[float]] = []
    for _ in range(rounds):
        row = []
        for name in ("pygan", peer):
            worker = Worker(name, threads)
            before = worker.ask(do="memory")
            # the layout that is PyTorch's leanest is measured like its fastest: by trying
            variants = worker.ask(do="variants", case=case.name, part=0)
            worker.close()
            peaks = []
            for variant in [v for v in variants if "compiled" not in v]:
                worker = Worker(name, threads)
                before = worker.ask(do="memory")
                worker.ask(do="make", case=case.name, part=0, variant=variant)
                worker.ask(do="time", part=0, count=3)
                peaks.append((worker.ask(do="memory") - before) / 1e3)
                worker.close()
            row.append(min(peaks))
        found.append(row)
    ratios = [b / a for a, b in found]
    return {
        "value": median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "pygan": median(a for a, _ in found),
        "peer": median(b for _, b in found),
        "checked": 0.0,
    }


def measure_passes(pair: Pair, case: Case) -> dict[str, Any]:
    """Counted, not timed; the same every time."""
    best_variant(pair.pygan, case, 0)
    value = pair.pygan.ask(do="passes", part=0)
    return {
        "value": value,
        "low": value,
        "high": value,
        "pygan": value,
        "peer": 0.0,
        "checked": 0.0,
    }


def run(
    names: list[str],
    peer: str,
    rounds: int,
    threads: int,
    say: Callable[[str], None],
    keep: Callable[[list[dict[str, Any]]], None] = lambda rows: None,
) -> list[dict[str, Any]]:
    """One row a case, in the order of the table; ``keep`` is given those so far after each."""
    rows: list[dict[str, Any]] = []
    cpu = cpu_model()
    for name in names:
        case, start, before = CASES[name], time.perf_counter(), round_trip()
        if case.measure == "memory":
            row = measure_memory(peer, case, threads, rounds=5)
            peer_name = peer
        else:
            pair = Pair(peer, threads)
            peer_name = pair.peer.name
            try:
                row = (
                    measure_passes(pair, case)
                    if case.measure == "passes"
                    else measure_time(pair, case, rounds, say)
                )
            finally:
                pair.close()
        row = {"case": name, "work": case.work, "unit": case.unit, **row}
        row |= {"peer_name": peer_name, "cpu": cpu, "least": case.least, "aim": case.aim}
        row["threads"], row["seconds"] = threads, time.perf_counter() - start
        row["round_trip_ns"] = [before, round_trip()]  # between cores, before and after
        rows.append(row)
        keep(rows)
        say(
            f"\r{name}: {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}] {case.unit}, "
            f"at least {case.least:g}, aim {case.aim:g}; pygan {row['pygan']:.2f}, "
            f"{peer_name} {row['peer']:.2f}; checked {row['checked']:.1g}; {row['seconds']:.0f} s\n"
        )
    return rows


def missed(row: dict[str, Any]) -> bool:
    """Is the bound not reached?"""
    if row["unit"] == "ratio":
        return row["high"] > row["least"]
    return row["low"] < row["least"]
