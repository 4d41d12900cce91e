"""Recorded steps: an update is run eagerly once, written down, and from then on replayed.

A replay makes the same calls of kernels in the same order on the same memory, so it gives the
eager step's bits; it builds no graph and runs no Python::

    steps = Recorder()
    loss = steps.run("D", [real, z], lambda real, z: update(real, z))

What varies from call to call must come in as an input: the tensors that `run` is given, and what
the step itself declares by `renewed` (random keys, learning rates). Weights and statistics are read
and written in place.

A step that reads a value, or that makes a tensor from the host's data, cannot be replayed: it stays
eager, and `Recorder.why` says why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pygan import _core
from pygan._core import Tensor

__all__ = ["Recorder", "changed", "renewed", "unrecorded"]

#: An eager step: its result, and whether all that it computed was finite is its own affair.
Step = Callable[..., Tensor]
#: Makes the next value of a declared input; the other function takes that back.
Renew = Callable[[], Tensor]
Undo = Callable[[], None]


class _Active(threading.local):
    sources: list[tuple[Renew, Undo]] | None = None
    recording: Any = None


_active = _Active()
_changes = 0


def changed() -> None:
    """What was recorded before is forgotten. Modules call it where an attribute is set."""
    global _changes
    _changes += 1


def _present() -> tuple[int, int]:
    """What a recording is made under: another value, and it is out of date."""
    return _changes, _core.replaced_memories()


def _nothing() -> None:
    pass


def renewed(renew: Renew, undo: Undo = _nothing) -> Tensor:
    """``renew()``: a tensor that the host makes, and makes anew at each replay of this step.

    ``undo()`` takes back one ``renew()``, of a step that turned out not to be finite.
    """
    if _active.recording is None:
        return renew()
    with unrecorded():  # renew may read values
        value = renew()
    _active.recording.input(value)
    _active.sources.append((renew, undo))
    return value


@contextmanager
def unrecorded() -> Iterator[None]:
    """What happens within is not recorded: a look at values that every step finds the same."""
    recording = _active.recording
    if recording is None:
        yield
        return
    recording.pause()
    try:
        yield
    finally:
        recording.resume()


@dataclass
class _Recorded:
    """One step: None of a recording means that it cannot be replayed."""

    recording: Any
    sources: list[tuple[Renew, Undo]] = field(default_factory=list)


class Recorder:
    """Steps by key. ``enabled=False`` runs everything eagerly."""

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.why: dict[Hashable, str] = {}  # steps that stay eager, and why
        self.replays = 0
        self._steps: dict[Hashable, _Recorded | None] = {}
        self._kept: list[Sequence[object]] = []
        self._seen = _present()

    def run(
        self,
        key: Hashable,
        inputs: Sequence[Tensor],
        step: Step,
        keep: Sequence[object] = (),
    ) -> Tensor:
        """``step(*inputs)``: eager the first time, recorded the second, then replayed.

        ``keep``: objects whose ids are part of ``key``; they live as long as what is recorded.

        ``step`` must check its results by one `_core.all_finite` before it writes anything that
        lasts, and raise where they are not finite. A replay that is not finite there writes nothing
        and hands over to ``step``, which raises with a diagnosis.
        """
        if not self.enabled:
            return step(*inputs)
        present = _present()
        if self._seen != present:
            self._seen = present
            self._steps.clear()
            self._kept.clear()
            self.why.clear()
        key = (key, _core.signature(inputs))
        recorded = self._steps.get(key)
        if recorded is None:
            if key not in self._steps:
                self._steps[key] = None  # the first run is eager: layers may set themselves up
                self._kept.append(keep)
                return step(*inputs)
            return step(*inputs) if key in self.why else self._record(key, inputs, step)
        result = self._replay(recorded, inputs)
        return step(*inputs) if result is None else result

    def _record(self, key: Hashable, inputs: Sequence[Tensor], step: Step) -> Tensor:
        recorded = _Recorded(_core.StepRecording())
        recorded.recording.begin(list(inputs))
        _active.recording, _active.sources = recorded.recording, recorded.sources
        try:
            result = step(*inputs)
        except BaseException:
            recorded.recording.abandon()
            raise
        finally:
            _active.recording = _active.sources = None
        recorded.recording.end([result])
        if recorded.recording.ready:
            self._steps[key] = recorded
        else:
            self.why[key] = recorded.recording.broken
        return result

    def _replay(self, recorded: _Recorded, inputs: Sequence[Tensor]) -> Tensor | None:
        """The result, or None where it is not finite: nothing has changed then."""
        recording, sources = recorded.recording, recorded.sources
        early = recording.inputs_before_check - len(inputs)
        made = [renew() for renew, _ in sources[:early]]
        try:
            finite = recording.start([*inputs, *made])
        except BaseException:
            _undo(sources[:early])
            raise
        if not finite:
            _undo(sources[:early])
            return None
        (result,) = recording.finish([renew() for renew, _ in sources[early:]])
        self.replays += 1
        return result


def _undo(sources: list[tuple[Renew, Undo]]) -> None:
    for _, undo in reversed(sources):
        undo()
