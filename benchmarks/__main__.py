"""Command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import gemm, report, scaling
from benchmarks.machine import describe
from benchmarks.targets import measure
from benchmarks.targets.cases import CASES

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
DEFAULT_OPS = ("matmul", "conv2d", "conv_transpose2d", "conv2d_weight_grad", "batch_norm",
               "leaky_relu", "sigmoid", "add", "sum_to", "softmax")  # fmt: skip


def say(text: str) -> None:
    """Progress, where somebody watches; results go to stdout."""
    print(text, end="", file=sys.stderr, flush=True)


def write(path: Path | None, content: str) -> None:
    if path:
        path.write_text(content)


def targets(args: argparse.Namespace) -> int:
    """pygan against a peer, case by case."""
    names = args.case or [name for name, case in CASES.items() if args.peer in case.peers]

    def keep(rows: list[dict[str, Any]]) -> None:
        write(args.json, json.dumps(rows, indent=1) + "\n")

    rows = measure.run(names, args.peer, args.rounds, args.threads, say, keep)
    below = [row["case"] for row in rows if measure.missed(row)]
    print(f"{len(rows)} cases, below their bound: {', '.join(below) or 'none'}")
    return 1 if below else 0


def kernels(args: argparse.Namespace) -> int:
    """Every operation: FLOPs, bytes, roofline, and peers beside it."""
    from benchmarks.kernels import plot, run, sizes, table

    unknown = [op for op in args.op or () if op not in sizes.SIZES]
    if unknown:
        why = sizes.LEFT_OUT.get(unknown[0])
        print(f"{unknown[0]}: {why or 'no such operation is timed'}", file=sys.stderr)
        return 2
    result = run.run(args.op or sizes.names(), args.peer or [], args.rounds, args.threads, say)
    write(args.json, json.dumps(result, indent=1) + "\n")
    write(args.markdown, table.markdown(result))
    write(args.plot, plot.roofline(result))
    print(table.text(result))
    for difference in result["differ"]:
        print(f"DIFFERS: {difference}")
    return 1 if result["differ"] else 0


def kernel(args: argparse.Namespace) -> int:
    """One operation at shapes of your own, in seconds."""
    from benchmarks.kernels import single, table

    try:
        result = single.run(args.op, args.shape, args.set, args.threads)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"micro-kernel {result['gflops']:.0f} GFLOP/s, copy {result['gbs']:.1f} GB/s")
    print(table.text(result))
    return 0


def grow(args: argparse.Namespace) -> int:
    """A step's time against batch, pixels and threads; exit status 1 where a bound is missed."""
    result = scaling.run(args.rounds, args.threads, say)
    write(args.json, json.dumps(result, indent=1) + "\n")
    write(args.plot, scaling.plot(result))
    print("\n".join(scaling.lines(result)))
    return 0 if all(s["good"] for s in result["series"]) else 1


def runs(args: argparse.Namespace) -> int:
    """Whole training runs: images a second of recipes, data loading and logging included."""
    from benchmarks import training

    result = training.run(args.recipe or list(training.RECIPES), args.steps, say)
    write(args.json, json.dumps(result, indent=1) + "\n")
    for row in result["rows"]:
        print(
            f"{row['recipe']:20} {row['ms']:8.2f} ms a step, {row['images_per_s']:8.0f} images/s, "
            f"step alone {row['step_ms']:.2f} ms"
        )
    return 0


def products(args: argparse.Namespace) -> int:
    """The matrix engine against its own micro-kernel."""
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    rows = gemm.measure(args.rounds)
    missed = [r for r in rows if r["bound"] and r["share"] < r["bound"]]
    lowest = min(r["share"] for r in rows if r["bound"])
    print(f"lowest share among the bounded: {lowest:.1%}; missed: {len(missed)}")
    write(args.json, json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    return 1 if missed else 0


def readme(_: argparse.Namespace) -> int:
    """Writes the tables of README.md and docs/performance.md from benchmarks/results/."""
    for page in report.write():
        print(f"written: {page.relative_to(report.ROOT)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times the engine. Run it on an idle machine: it shares nothing well. Without "
        "a command: the most used operations, alone.",
    )
    commands = top.add_subparsers(dest="command")

    def command(name: str, run: Callable[[Any], int], rounds: int = 0) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=(run.__doc__ or "").rstrip("."))
        one.set_defaults(run=run)
        if rounds:
            one.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
        one.add_argument("--threads", type=int, default=CORES)
        if name not in ("kernel", "readme"):
            one.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
        return one

    one = command("targets", targets, 15)
    one.add_argument("--peer", default="torch", choices=("torch", "numpy"))
    one.add_argument("--case", action="append", choices=CASES, help="only this one; repeatable")
    one = command("kernels", kernels, 15)
    one.add_argument("--peer", action="append", choices=("torch", "numpy", "numba"))
    one.add_argument("--op", action="append", metavar="NAME", help="only this one; repeatable")
    one.add_argument("--markdown", type=Path, metavar="FILE", help="a table")
    one.add_argument("--plot", type=Path, metavar="FILE.svg", help="the roofline")
    one = command("kernel", kernel)
    one.add_argument("op", metavar="OP", help="such as conv2d")
    one.add_argument("--shape", action="append", default=[], metavar="64x32x32x64",
                     help="of each input, in order; as usual where none is given")  # fmt: skip
    one.add_argument("--set", action="append", default=[], metavar="stride=2")
    one = command("scaling", grow, 7)
    one.add_argument("--plot", type=Path, metavar="FILE.svg", help="times against sizes")
    one = command("runs", runs)
    one.add_argument("--recipe", action="append", help="only this one; repeatable")
    one.add_argument("--steps", type=int, default=200, help="default 200")
    command("gemm", products, 9)
    command("readme", readme)
    return top


def main() -> int:
    """Runs one benchmark; exit status 1 where a bound is missed, 2 where it is asked wrongly."""
    top = parser()
    args = top.parse_args()
    if args.command is None:
        top.print_usage()
        usual = [word for op in DEFAULT_OPS for word in ("--op", op)]
        args = top.parse_args(["kernels", "--rounds", "5", *usual])
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
