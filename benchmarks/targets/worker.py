"""One peer's process: makes works ready, checks and times them on demand, else waits in a read.

Requests and answers are lines of JSON; `Worker` is the other end.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """A peer in a process of its own."""

    def __init__(self, peer: str, threads: int, package: str = "benchmarks.targets") -> None:
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
        env |= {"MKL_NUM_THREADS": str(threads), "PYGAN_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.targets.worker", package, peer, str(threads)],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.peer = peer
        self.name: str = self.ask(do="name")

    def ask(self, **request: Any) -> Any:
        """The answer to one request. Raises RuntimeError with the peer's error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.peer} has ended: {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.peer}: {answer['error']}")
        return answer["value"]

    def check(self, part: int) -> dict[str, np.ndarray]:
        """Values and gradients of a part that is ready."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "check.npz"
            self.ask(do="check", part=part, path=str(path))
            with np.load(path) as arrays:
                return dict(arrays)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def peak_kilobytes() -> int:
    """Highest resident memory so far; /proc's can be set back, getrusage's not."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(package: str, peer: str, threads: int) -> None:
    """Answers requests until the input ends. ``package``: has cases, and <peer>_peer."""

    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    CASES = importlib.import_module(f"{package}.cases").CASES
    module = importlib.import_module(f"{package}.{peer}_peer")
    module.set_threads(threads)
    works: dict[int, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        value: Any = None
        try:
            match request["do"]:
                case "name":
                    value = module.NAME
                case "variants":
                    value = module.variants(CASES[request["case"]].parts[request["part"]])
                case "make":
                    part = CASES[request["case"]].parts[request["part"]]
                    works[request["part"]] = module.make(part, request["variant"])
                case "check":
                    np.savez(request["path"], **works[request["part"]].check())
                case "time":
                    value = works[request["part"]].time(request["count"])
                case "has":
                    value = module.has(request["name"])
                case "count":
                    value = works[request["part"]].count()
                case "passes":
                    value = works[request["part"]].passes()
                case "memory":
                    value = peak_kilobytes()
                case "drop":
                    works.clear()
                    gc.collect()
            answer = {"value": value}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
