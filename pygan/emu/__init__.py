"""Device ``emu``: CUDA kernels run on the host, in chosen orders, and checked.

>>> import pygan as pg
>>> x = pg.tensor([-1.0, 2.0], device="emu")
>>> with pg.emu.check() as report:
...     y = pg.ops.relu(x)
>>> print(report.table())                                                   # doctest: +SKIP

``check`` runs the kernels' second build, which reports every access to memory: races, accesses
outside of arrays and reads of memory that nobody wrote raise ``EmulatorError`` at the end of the
launch that made them, with the lines of source. ``PYGAN_EMU_CHECK=1`` does it for a whole process.

``schedule`` chooses in which order blocks and threads run; ``PYGAN_EMU_SCHEDULE`` sets the first.
``most_blocks`` makes kernels stride over few elements too; ``PYGAN_EMU_BLOCKS`` sets the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pygan import _core
from pygan.emu._report import Kernel, Line, Report
from pygan.errors import EmulatorError

__all__ = [
    "EmulatorError",
    "Kernel",
    "Line",
    "Report",
    "check",
    "get_schedule",
    "most_blocks",
    "schedule",
    "set_schedule",
]


@contextmanager
def check(traffic: bool = True) -> Iterator[Report]:
    """A context in which kernels on ``emu`` run checked.

    traffic: count accesses, sectors and bank conflicts too; the report then holds those of the
        launches inside the context. Without it checks run somewhat quicker.

    Raises EmulatorError, out of the op that launched the kernel, for its mistakes. Memory that was
    there before the context counts as written.
    """
    report = Report()
    _core.emu_begin_check(traffic)
    report._begin()
    try:
        yield report
    finally:
        report._end()
        _core.emu_end_check(traffic)


def get_schedule() -> str:
    """The schedule of the launches to come: "forward", "reverse" or "random:SEED"."""
    return _core.emu_schedule()


def set_schedule(schedule: str) -> None:
    """Chooses the schedule: "forward", "reverse" or "random:SEED". ConfigError for another."""
    _core.emu_set_schedule(schedule)


@contextmanager
def schedule(schedule: str) -> Iterator[None]:
    """A context with a schedule of its own: "forward", "reverse" or "random:SEED"."""
    before = get_schedule()
    set_schedule(schedule)
    try:
        yield
    finally:
        set_schedule(before)


@contextmanager
def most_blocks(blocks: int) -> Iterator[None]:
    """A context in which kernels that stride over their elements have at most so many blocks.

    blocks: 1 to 2048, the usual; ConfigError for another. With 1, one block does the work of all,
        as each does for arrays beyond 2048 blocks. No bit of a result depends on it.
    """
    before = _core.emu_most_blocks()
    _core.emu_set_most_blocks(blocks)
    try:
        yield
    finally:
        _core.emu_set_most_blocks(before)
