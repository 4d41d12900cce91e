"""Runs trials in forked processes, several at a time: once without a mutant, then for each."""

from __future__ import annotations

import os
import pickle
import re
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from random import Random

from mutation.engine import Engine
from mutation.report import Outcome
from mutation.sites import Site
from mutation.trials import Trial, draw_cases, find_tests, measure, try_mutant

__all__ = ["run_mutants", "run_unchanged"]

GRACE = 20.0  # seconds after which a process that has not ended its work is killed


def forked(jobs: list[Callable[[], object]], at_once: int, seconds: float) -> Iterator[tuple]:
    """(job's number, its result, "") as they end; (number, None, how) of a process that died."""
    waiting = list(enumerate(jobs))[::-1]
    running: dict[int, tuple[int, int, float, list[bytes]]] = {}  # pipe: job, process, end, parts
    selector = selectors.DefaultSelector()
    try:
        yield from _run(waiting, running, selector, at_once, seconds)
    finally:  # nobody wants the rest
        for _, process, _, _ in running.values():
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        selector.close()


def _run(
    waiting: list, running: dict, selector: selectors.BaseSelector, at_once: int, seconds: float
) -> Iterator[tuple]:
    while waiting or running:
        while waiting and len(running) < at_once:
            number, job = waiting.pop()
            reader, writer = os.pipe()
            process = os.fork()
            if process == 0:
                for other in (reader, *running):
                    os.close(other)
                _child(job, writer)
            os.close(writer)
            running[reader] = number, process, time.monotonic() + seconds, []
            selector.register(reader, selectors.EVENT_READ)
        ended = []
        for key, _ in selector.select(timeout=0.5):
            part = os.read(key.fd, 1 << 20)
            running[key.fd][3].append(part)
            if not part:
                ended.append((key.fd, ""))
        now = time.monotonic()
        late = [r for r, job in running.items() if job[2] < now and (r, "") not in ended]
        for reader in late:
            os.kill(running[reader][1], signal.SIGKILL)
            ended.append((reader, "time is up"))
        for reader, how in ended:
            number, process, _, parts = running.pop(reader)
            selector.unregister(reader)
            os.close(reader)
            status = os.waitpid(process, 0)[1]
            data = b"".join(parts)
            if how or os.WIFSIGNALED(status) or not data:
                if not how and os.WIFSIGNALED(status):
                    how = f"died of signal {os.WTERMSIG(status)}"
                yield number, None, how or "died"
            else:
                yield number, pickle.loads(data), ""


def _child(job: Callable[[], object], writer: int) -> None:
    status = 1
    try:
        data = pickle.dumps(job())
        at = 0
        while at < len(data):
            at += os.write(writer, data[at : at + (1 << 20)])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run_unchanged(engine: Engine, examples: int, ops: str | None, at_once: int) -> list[Trial]:
    """All trials with what they need: expected results, the mutants they reach, their time."""
    trials: list[Trial] = draw_cases(examples)
    if ops:
        trials = [t for t in trials if re.search(ops, t.case.name)]

    def part(first: int) -> Callable[[], list]:
        def job() -> list:
            out = []
            for trial in trials[first::parts]:
                ok = measure(engine, trial)
                out.append((trial.expected, trial.calls, trial.seconds) if ok else None)
            return out

        return job

    def tests() -> list:
        return find_tests(engine)

    parts = 8 * at_once  # the long ones spread
    kept: list[Trial] = []
    jobs = [part(i) for i in range(parts)] + ([] if ops else [tests])
    for number, result, how in forked(jobs, at_once, seconds=1800):
        if result is None:
            raise SystemExit(f"a trial without any mutant: {how}")
        if number == parts:
            kept += result
            continue
        for trial, measured in zip(trials[number::parts], result, strict=True):
            if measured:
                trial.expected, trial.calls, trial.seconds = measured
                kept.append(trial)
    return sorted(kept, key=lambda t: t.name)


def run_mutants(
    engine: Engine,
    sites: list[Site],
    wanted: list[int],
    trials: list[Trial],
    seconds: float,
    at_once: int,
) -> Iterator[Outcome]:
    def job(mutant: int, reaching: list[Trial]) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            end = time.monotonic() + seconds
            return try_mutant(engine, mutant, reaching, end)

        return run

    jobs, numbers = [], []
    for k in wanted:
        reaching = order(k, trials)
        if not reaching:
            yield Outcome(sites[k - 1], "never run", "")
            continue
        jobs.append(job(k, reaching))
        numbers.append(k)
    for number, result, how in forked(jobs, at_once, seconds + GRACE):
        site = sites[numbers[number] - 1]
        yield Outcome(site, *result) if result else Outcome(site, how, "")


def order(mutant: int, trials: list[Trial]) -> list[Trial]:
    """Those that reach a mutant, in a random order in which short ones are likely to come first."""
    reaching = [t for t in trials if t.calls[mutant]]
    random = Random(mutant)
    return sorted(reaching, key=lambda t: (t.seconds + 0.02) * random.expovariate(1.0))
