"""Command line of the benchmarks."""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import gemm
from benchmarks.machine import describe
from benchmarks.targets import measure
from benchmarks.targets.cases import CASES


def targets(args: argparse.Namespace) -> int:
    """Runs the cases that the peer has."""
    names = args.case or [name for name, case in CASES.items() if args.peer in case.peers]

    def say(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)

    rows = measure.run(names, args.peer, args.rounds, args.threads, say)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    below = [row["case"] for row in rows if measure.missed(row)]
    print(f"{len(rows)} cases, below their bound: {', '.join(below) or 'none'}")
    return 1 if below else 0


def main() -> int:
    """Runs one benchmark; exit status 1 where a bound is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times the engine. Run it on an idle machine: it shares nothing well.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("gemm", help=gemm.__doc__.splitlines()[0] if gemm.__doc__ else None)
    one.add_argument("--rounds", type=int, default=9, help="medians over so many (default 9)")
    one.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    one = commands.add_parser("targets", help="pygan against a peer, case by case")
    one.add_argument("--peer", default="torch", choices=("torch", "numpy"))
    one.add_argument("--case", action="append", choices=CASES, help="only this one; repeatable")
    one.add_argument("--rounds", type=int, default=15, help="at least 15 for figures (default)")
    one.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    one.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    args = parser.parse_args()
    if args.command == "targets":
        return targets(args)

    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    rows = gemm.measure(args.rounds)
    missed = [r for r in rows if r["bound"] and r["share"] < r["bound"]]
    lowest = min(r["share"] for r in rows if r["bound"])
    print(f"lowest share among the bounded: {lowest:.1%}; missed: {len(missed)}")
    if args.json:
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
