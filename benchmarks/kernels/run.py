"""Times operations, with peers or alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks import roofline
from benchmarks.kernels import sizes
from benchmarks.kernels.cases import CASES
from benchmarks.machine import describe
from benchmarks.targets.measure import Pair, Worker, count_for, measure_time

PACKAGE = "benchmarks.kernels"
SECONDS = 0.03  # of one timing

Row = dict[str, Any]
Say = Callable[[str], None]


def alone(worker: Worker, name: str, rounds: int) -> list[float]:
    """Median seconds of each pass; the works stay ready."""
    seconds = []
    for i in range(len(CASES[name].parts)):
        worker.ask(do="make", case=name, part=i, variant="default")
        count = count_for(worker, i, SECONDS)
        times = [worker.ask(do="time", part=i, count=count) / count for _ in range(rounds)]
        seconds.append(median(times))
    return seconds


def rows_of(name: str, seconds: Sequence[float], counts: Sequence[dict], roof: Any) -> list[Row]:
    """One row a pass: what it does, how fast, how far from the roof."""
    example = sizes.example(name)
    rows = []
    for part, time, count in zip(CASES[name].parts, seconds, counts, strict=True):
        flops, moved = count["flops"], count["bytes"]
        rows.append(
            {
                "op": name,
                "pass": part.name,
                "inputs": [f"{x.dtype} {list(x.shape)}" for x in example.inputs],
                "flops": flops,
                "bytes": moved,
                "ms": 1e3 * time,
                "gflops": flops / time / 1e9,
                "gbs": moved / time / 1e9,
                "percent": roof.percent(flops, moved, time),
                "bound": roof.bound(flops, moved),
                "peers": {},
            }
        )
    return rows


def run(names: Sequence[str], peers: Sequence[str], rounds: int, threads: int, say: Say) -> Row:
    """Every operation's rows, with the machine and its roofline."""
    say("roofline ...")
    roof = roofline.measure(threads)
    say(f"\rmicro-kernel {roof.gflops:.0f} GFLOP/s, copy {roof.gbs:.1f} GB/s\n")
    rows: list[Row] = []
    worker = Worker("pygan", threads, PACKAGE)
    try:
        for i, name in enumerate(names):
            say(f"\r{i + 1} of {len(names)}: {name:<28}")
            seconds = alone(worker, name, rounds)
            parts = range(len(seconds))
            counts = [worker.ask(do="count", part=k) for k in parts]
            worker.ask(do="drop")
            rows += rows_of(name, seconds, counts, roof)
    finally:
        worker.close()
    differ = []
    for peer in peers:
        differ += beside(rows, names, peer, rounds, threads, say)
    say("\r" + " " * 60 + "\r")
    machine = {**describe(), "threads": threads}
    return {
        "machine": machine,
        "gflops": roof.gflops,
        "gbs": roof.gbs,
        "rows": rows,
        "differ": differ,
    }


def beside(
    rows: list[Row], names: Sequence[str], peer: str, rounds: int, threads: int, say: Say
) -> list[str]:
    """Adds a peer's times; what differs, or cannot be run, has none and is returned."""
    differ = []
    pair = Pair(peer, threads, PACKAGE)
    try:
        having = [name for name in names if pair.peer.ask(do="has", name=name)]
        for i, name in enumerate(having):
            prefix = f"\r{pair.peer.name}, {i + 1} of {len(having)}: {name:<20}"
            say(prefix)
            try:
                found = measure_time(pair, CASES[name], rounds, lambda text: None, SECONDS)
            except (ValueError, RuntimeError) as error:
                differ.append(f"{name}: {error}")
                continue
            finally:
                pair.both(do="drop")
            for row in rows:
                for part in found["parts"]:
                    if (row["op"], row["pass"]) == (name, part["name"]):
                        keys = ("ratio", "low", "high", "variant")
                        row["peers"][pair.peer.name] = {
                            "ms": part["peer_ms"],
                            **{key: part[key] for key in keys},
                            "checked": found["checked"],
                        }
    finally:
        pair.close()
    return differ
