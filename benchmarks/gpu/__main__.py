"""Command line: ``python -m benchmarks.gpu sweep|repeat|timing|train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.gpu import kernels, timing, training
from benchmarks.gpu.run import Run

STAGES = {
    "sweep": kernels.sweep,
    "repeat": kernels.repeat,
    "timing": timing.measure,
    "train": training.train,
}


def main() -> int:
    """Runs one stage; 75 where time ran out and another call goes on, 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--rehearse", action="store_true", help="on device emu, small")
    parser.add_argument("--seconds", type=float, default=500, help="stop after so many")
    parser.add_argument("--state", type=Path, default=Path("build/gpu"), help="what is done so far")
    parser.add_argument("--name", help="of the state file, where a stage runs for several tools")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--pictures", type=Path, default=Path("build/gpu"), help="of train")
    args = parser.parse_args()
    run = Run(
        name=args.name or args.stage,
        device="emu" if args.rehearse else "cuda",
        seconds=args.seconds,
        state=args.state,
        json=args.json,
        pictures=args.pictures,
    )
    return STAGES[args.stage](run)


if __name__ == "__main__":
    raise SystemExit(main())
