"""Command line of the benchmarks."""

import argparse
import json
from pathlib import Path

from benchmarks import gemm
from benchmarks.machine import describe


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
    args = parser.parse_args()

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
