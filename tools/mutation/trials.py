"""What has to notice a mutant: examples of the tests' cases at orders 0, 1 and 2, and the tests of
single kernels. Always the same ones."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mutation.engine import Engine

if TYPE_CHECKING:
    from ops.case import Case, Example
    from ops.compare import Expected

__all__ = ["CaseTrial", "TestTrial", "Trial", "draw_cases", "find_tests", "measure", "try_mutant"]

ROUNDS = (("forward", 2048), ("random:1", 1))  # schedule, blocks at most
# calls that a trial may make beyond its usual ones before it counts as not ending
SLACK, FACTOR = 1_000_000, 20


@dataclass
class Trial:
    name: str
    calls: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    seconds: float = 0.0

    def run(self) -> None:
        """Raises where something is wrong."""
        raise NotImplementedError

    @property
    def limit(self) -> int:
        return SLACK + FACTOR * int(self.calls.sum())


@dataclass
class CaseTrial(Trial):
    case: Case | None = None
    example: Example | None = None
    seed: int = 0
    expected: Expected | None = None

    def run(self) -> None:
        from ops.compare import check

        check(self.case, self.example, self.expected, "emu")


@dataclass
class TestTrial(Trial):
    """A test of the test suite that runs kernels of device emu, by its id."""

    __test__ = False  # no test class of pytest's own

    def run(self) -> None:
        failed = _pytest([self.name, "-x"])
        if failed:
            raise AssertionError(f"{self.name} fails")


def draw_cases(count: int) -> list[CaseTrial]:
    """About ``count`` examples a case."""
    from cases import CASES

    return [trial for case in CASES.values() for trial in _draw(case, count)]


def _draw(case: Case, count: int) -> list[CaseTrial]:
    """As tests/test_ops.py draws them."""
    from pygan.testing.strategies import float_dtypes, seeds

    drawn = []

    @given(data=st.data())
    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def draw(data: st.DataObject) -> None:
        example = data.draw(case.examples(data.draw(float_dtypes)))
        name = f"{case.name} {example}"
        drawn.append(CaseTrial(name, case=case, example=example, seed=data.draw(seeds)))

    draw()
    return drawn


def _pytest(arguments: list[str], plugin: object = None) -> int:
    import pytest

    quiet = ["-q", "-p", "no:cacheprovider", "--assert=plain", "-ofilterwarnings="]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main([*quiet, *arguments], plugins=[plugin] if plugin else []))


# The tests of single kernels. test_ops.py draws from the cases, as draw_cases does; training and
# the emulator's own tests hold no kernel to anything that these do not.
_FOLDER = "tests/ops"


def find_tests(engine: Engine) -> list[TestTrial]:
    """The tests marked emu of single kernels, run once; the mutants that each reaches."""
    trials: list[TestTrial] = []

    class Recorder:
        def pytest_runtest_setup(self, item: object) -> None:
            self.began = time.perf_counter()
            engine.forget_calls()

        def pytest_runtest_logreport(self, report: object) -> None:
            if report.when == "call" and report.passed:
                seconds = time.perf_counter() - self.began
                trials.append(TestTrial(report.nodeid, engine.calls(), seconds))
            elif report.failed:
                sys.__stderr__.write(f"{report.nodeid}:\n{report.longrepr}\n")

    if status := _pytest([_FOLDER, "-m", "emu"], Recorder()):
        raise SystemExit(f"pytest without any mutant: exit status {status}")
    return [t for t in trials if t.calls.any()]


def measure(engine: Engine, trial: Trial) -> bool:
    """Runs a trial without any mutant; False where this build lacks a kernel for it."""
    from ops.compare import expect

    import pygan

    if isinstance(trial, CaseTrial):
        trial.expected = expect(trial.case, trial.example, trial.seed)
    began = time.perf_counter()
    engine.forget_calls()
    try:
        trial.run()
    except pygan.DeviceError:
        return False
    except Exception as error:
        raise RuntimeError(f"without any mutant: {trial.name}") from error
    trial.calls, trial.seconds = engine.calls(), time.perf_counter() - began
    return True


def try_mutant(engine: Engine, mutant: int, trials: list[Trial], end: float) -> tuple[str, str]:
    """Runs trials until one notices the mutant, or time is up: (how, message)."""
    import pygan

    engine.choose(mutant)
    done = 0
    for schedule, blocks in ROUNDS:
        pygan.emu.set_schedule(schedule)
        pygan._core.emu_set_most_blocks(blocks)
        for trial in trials:
            if time.monotonic() > end:
                return "survived", f"{done} trials"
            done += 1
            engine.forget_calls(trial.limit)
            try:
                trial.run()
            except pygan.EmulatorError as error:
                return _how(str(error)), f"{trial.name}: {error}"
            except pygan.Error as error:
                return "error", f"{trial.name}: {error}"
            except Exception as error:  # whatever a test would have failed with
                return "wrong result", f"{trial.name}: {error}"
    return "survived", f"{done} trials"


def _how(message: str) -> str:
    for word, kind in (
        ("does not end", "endless loop"),
        ("race", "race"),
        ("deadlock", "deadlock"),
        ("nobody wrote", "unwritten memory"),
        ("unwritten", "unwritten memory"),
        ("waits", "deadlock"),
        ("misaligned", "misaligned"),
        ("outside", "overrun"),
        ("past the end", "overrun"),
        ("before the start", "overrun"),
    ):
        if word in message:
            return kind
    return "emulator error"
