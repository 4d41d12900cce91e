"""tools/gpu_check.sh, rehearsed on device emu: what a machine with a GPU will run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def check(*stages: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ROOT / "tools/gpu_check.sh"), "--rehearse", *stages],
        env={**os.environ, "PYTHON": sys.executable, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.emu
def test_every_stage_but_the_tests_is_rehearsed() -> None:
    done = check("build", "memcheck", "repeat", "timing", "train")
    assert done.returncode == 0, done.stdout + done.stderr
    results = ROOT / "build/gpu-rehearsal/results"
    rows = {p.stem: json.loads(p.read_text())["rows"] for p in results.glob("*.json")}
    assert {"gpu-memcheck", "gpu-repeat", "gpu-timing", "gpu-train"} <= rows.keys()
    assert all(row["error"] == "" for row in rows["gpu-memcheck"])
    assert all(row["different"] == 1 for row in rows["gpu-repeat"])
    assert not any("ms" in row for row in rows["gpu-timing"])  # no times of the emulator


@pytest.mark.emu
def test_a_stage_goes_on_where_time_ran_out() -> None:
    first = check("repeat", PYGAN_GPU_SECONDS="0")
    assert first.returncode == 75
    assert "run the stage again" in first.stdout
    assert check("repeat").returncode == 0


def test_an_unknown_stage_is_named() -> None:
    wrong = check("tset")
    assert wrong.returncode == 2
    assert "unknown stage 'tset'; stages: build test" in wrong.stderr
