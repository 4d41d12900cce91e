"""Every operation on the GPU: small examples against the reference, the same bits each time."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.gpu.run import Run

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from cases import CASES
from ops.case import Case, Example
from ops.compare import compare, engine_orders, floating, outputs_of

SWEEP = 6  # examples an operation
REPEATS = 1000


def examples(case: Case, count: int) -> list[Example]:
    """The first ``count`` float32 examples that hypothesis draws, always the same ones."""
    found: list[Example] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case.examples("float32"))
    def draw(example: Example) -> None:
        found.append(example)

    draw()
    return found


def sweep(run: Run) -> int:
    """Orders 0, 1 and 2 of a few examples an operation, against the NumPy reference."""
    for name in run.todo(sorted(CASES)):
        error = ""
        drawn = examples(CASES[name], 2 if run.rehearsal else SWEEP)
        for i, example in enumerate(drawn):
            try:
                compare(CASES[name], example, i, run.device)
            except Exception as e:
                error = f"{example}: {type(e).__name__}: {e}"[:2000]
                print(f"{name}: {error}")
                break
        run.add({"name": name, "examples": len(drawn), "error": error})
    return run.finish(sum(bool(row["error"]) for row in run.rows))


def repeat(run: Run) -> int:
    """1,000 runs of orders 0 to 2 of an operation's largest example: one digest, or it fails."""
    times = 3 if run.rehearsal else REPEATS
    for name in run.todo(sorted(CASES)):
        case = CASES[name]
        example = case.big() if case.big and not run.rehearsal else examples(case, 3)[-1]
        digests = {_digest(case, example, run.device) for _ in range(times)}
        if len(digests) > 1:
            print(f"{name}: {len(digests)} different results in {times} runs")
        run.add({"name": name, "runs": times, "different": len(digests)})
    return run.finish(sum(row["different"] > 1 for row in run.rows))


def _digest(case: Case, example: Example, device: str) -> str:
    rng = np.random.default_rng(0)
    ys = outputs_of(case.reference.forward(*example.inputs, **example.hyper))[: case.outputs]
    grows = case.differentiable and floating(ys[0]) and any(floating(x) for x in example.inputs)
    dys = [rng.standard_normal(y.shape).astype(y.dtype) for y in ys] if grows else []
    ddxs = [rng.standard_normal(x.shape).astype(x.dtype) for x in example.inputs if floating(x)]
    digest = hashlib.sha256()
    for order in engine_orders(case, example, dys, ddxs, device):
        for array in order:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
