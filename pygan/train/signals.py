"""SIGINT and SIGTERM while training: finish the step, save, then stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType, TracebackType

__all__ = ["StopSignals", "Stopped"]


class Stopped(KeyboardInterrupt):
    """Training was asked to stop and did so between two steps; ``exit_code`` is the shell's.

    It is a KeyboardInterrupt, so that code which catches errors does not swallow it.
    """

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}")
        self.signum = signum
        self.step = step
        self.exit_code = 128 + signum


class StopSignals:
    """Context manager that notes the first of ``signals`` that arrives in ``received``.

    The first signal only sets the flag, because stopping in the middle of an update would tear the
    state. It also restores the system's default, so that a second signal ends the process at once.
    Outside the main thread, where Python allows no handlers, nothing is caught.
    """

    def __init__(self, signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)) -> None:
        self._signals = signals
        self.received: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for signum in self._signals:
                # A signal that the parent chose to ignore (nohup, background jobs) stays ignored.
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._previous[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._previous.items():
            with contextlib.suppress(TypeError, ValueError):
                signal.signal(signum, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.received = signum
        for each in self._previous:
            signal.signal(each, signal.SIG_DFL)
