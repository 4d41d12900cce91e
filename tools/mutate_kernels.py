#!/usr/bin/env python3
"""Breaks the CUDA kernels in every small way, one at a time, and sees whether the tests notice.

    python tools/mutate_kernels.py --json FILE

A mutant is a kernel with one barrier left out, one index of shared memory shifted, one loop a step
longer or shorter, one guard or mask too wide (tools/mutation/sites.py). All of them are in one
build for device emu, and a number says which one runs, so that nothing is compiled twice. First the
examples of the tests' cases, and the tests of single kernels, run without any mutant, and tell
which mutants each of them reaches. Then every mutant runs those that reach it, in a process of its
own, under the emulator's checker, until one finds a race, an overrun, memory that nobody wrote, a
deadlock, a loop that does not end, or a result that is not the reference's.

A mutant that nothing notices survives. Those that no test can notice, because they compute the
same, are explained in tools/mutation/explained.toml. Exit status 1: a barrier survives, fewer than
95% of the mutants are caught, a survivor is not explained, or an explanation does not apply any
more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests"), str(ROOT)]

from mutation.engine import build, load, write_copies  # noqa: E402
from mutation.report import explain, problems, summary, table  # noqa: E402


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--only", metavar="REGEX", help="mutants whose 'file:line kind' matches")
    parser.add_argument("--ops", metavar="REGEX", help="examples of matching ops only")
    parser.add_argument("--examples", type=int, default=16, metavar="N", help="drawn a case (16)")
    parser.add_argument(
        "--seconds", type=float, default=60, metavar="S", help="at most for a mutant (60)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--build", type=Path, default=ROOT / "build/mutants", help="folder")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:6.1f} s] {text}", flush=True)

    file, folder = args.json and args.json.resolve(), args.build.resolve()
    os.chdir(ROOT)  # tests have their ids from there
    copies = folder / "csrc"
    sites = write_copies(ROOT, copies)
    wanted = [
        k
        for k, s in enumerate(sites, 1)
        if not args.only or re.search(args.only, f"{s.file}:{s.line} {s.kind}")
    ]
    if args.list:
        for k in wanted:
            print(f"{k:5} {sites[k - 1]}")
        return 0
    say(f"{len(wanted)} mutants of {len(sites)}; building")
    module = build(ROOT, folder / "build", copies)
    engine = load(module, len(sites))

    from mutation.runs import run_mutants, run_unchanged

    say("running the examples without any mutant")
    trials = run_unchanged(engine, args.examples, args.ops, args.jobs)
    say(f"{len(trials)} trials, {sum(t.seconds for t in trials):.0f} s of them")
    outcomes = []
    for done, outcome in enumerate(
        run_mutants(engine, sites, wanted, trials, args.seconds, args.jobs), 1
    ):
        outcomes.append(outcome)
        if not outcome.caught:
            say(f"{outcome.how}: {outcome.site}")
        elif done % 50 == 0:
            say(f"{done} of {len(wanted)}")
    outcomes.sort(key=lambda o: (o.site.file, o.site.line, o.site.kind))
    stale = explain(outcomes, whole=not (args.only or args.ops))
    print(table(outcomes))
    if file:
        file.write_text(json.dumps(summary(outcomes), indent=1) + "\n")
    found = problems(outcomes, stale)
    for problem in found:
        print(problem)
    say("done")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
