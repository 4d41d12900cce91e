"""What the checker counted, by line of source."""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from pygan import _core

COUNTS = ("warps", "lanes", "bytes", "sectors", "ideal_sectors", "wavefronts", "ideal_wavefronts")


@dataclass(frozen=True)
class Line:
    """One line of a kernel and one kind of access that it makes.

    kind: "read", "write", "atomic", "async copy" of ``space`` "global" or "shared"; "barrier" (its
        ``warps`` count blocks that passed it) or "warp sync" (calls of warps).
    warps, accesses: accesses of warps, and of threads. bytes: of all threads.
    sectors, ideal_sectors: 32-byte pieces of global memory that the warps touched, and as few as
        could hold what they needed.
    conflicts: passes over shared memory's banks beyond the fewest possible.
    """

    kernel: str
    file: str
    line: int
    space: str
    kind: str
    warps: int
    accesses: int
    bytes: int
    sectors: int
    ideal_sectors: int
    conflicts: int

    @property
    def source(self) -> str:
        """The line's text; "" where the file is not on this machine."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(frozen=True)
class Kernel:
    """How often a kernel was launched, with how many blocks and threads in all."""

    kernel: str
    launches: int
    blocks: int
    threads: int


def _counts() -> tuple[dict[tuple, list[int]], dict[str, list[int]], str]:
    raw = _core.emu_report()
    rows: dict[tuple, list[int]] = {}
    for r in raw["rows"]:
        key = (r["kernel"], r["file"], r["line"], r["space"], r["kind"])
        total = rows.setdefault(key, [0] * len(COUNTS))
        for i, name in enumerate(COUNTS):
            total[i] += r[name]
    kernels: dict[str, list[int]] = {}
    for k in raw["kernels"]:
        total = kernels.setdefault(k["kernel"], [0, 0, 0])
        for i, name in enumerate(("launches", "blocks", "threads")):
            total[i] += k[name]
    return rows, kernels, raw["trouble"]


def _less(now: dict[Any, list[int]], before: dict[Any, list[int]]) -> dict[Any, list[int]]:
    """now - before, without what is zero."""
    rest = {
        key: [a - b for a, b in zip(n, before.get(key, [0] * len(n)), strict=True)]
        for key, n in now.items()
    }
    return {key: n for key, n in rest.items() if n[0]}


class Report:
    """Counts of the launches in a ``pg.emu.check()``, complete once the context is left."""

    def __init__(self) -> None:
        self.kernels: list[Kernel] = []
        self.lines: list[Line] = []
        self.trouble = ""  # why lines are unknown; "" where they are known
        self._before: tuple[dict, dict] = ({}, {})

    def _begin(self) -> None:
        rows, kernels, _ = _counts()
        self._before = (rows, kernels)

    def _end(self) -> None:
        rows, kernels, self.trouble = _counts()
        self.kernels = [Kernel(k, *n) for k, n in _less(kernels, self._before[1]).items()]
        self.lines = sorted(
            (
                Line(*key, *n[:5], conflicts=n[5] - n[6])
                for key, n in _less(rows, self._before[0]).items()
            ),
            key=lambda r: (r.kernel, r.file, r.line, r.space, r.kind),
        )

    def table(self) -> str:
        """One table a kernel: launches, then its lines with what each did. No times: an emulator's
        would say nothing about a GPU's.
        """
        if not self.kernels:
            return "no kernel ran on emu"
        parts = []
        for kernel in self.kernels:
            head = (
                f"{kernel.kernel}: launches {kernel.launches}, blocks {kernel.blocks}, "
                f"threads {kernel.threads}"
            )
            parts.append("\n".join([head, *self._rows(kernel.kernel)]))
        if self.trouble:
            parts.append(f"Lines are missing: {self.trouble}.")
        return "\n\n".join(parts)

    def _rows(self, kernel: str) -> list[str]:
        rows = [r for r in self.lines if r.kernel == kernel]
        if not rows:
            return []
        head = ("line", "what", "warps", "accesses", "bytes", "sectors", "ideal", "conflicts")
        cells = [head]
        for r in rows:
            where = f"{PurePath(r.file).name}:{r.line}" if r.file else "unknown"
            if r.kind in ("barrier", "warp sync"):
                cells.append((where, r.kind, str(r.warps), "", "", "", "", ""))
                continue
            of_global = r.space == "global"
            cells.append(
                (
                    where,
                    f"{r.space} {r.kind}",
                    str(r.warps),
                    str(r.accesses),
                    str(r.bytes),
                    str(r.sectors) if of_global else "",
                    str(r.ideal_sectors) if of_global else "",
                    "" if of_global else str(r.conflicts),
                )
            )
        widths = [max(len(c[i]) for c in cells) for i in range(len(head))]
        sources = ["source", *(r.source for r in rows)]
        return [
            "  "
            + "  ".join(
                text.ljust(w) if i < 2 else text.rjust(w)
                for i, (text, w) in enumerate(zip(row, widths, strict=True))
            )
            + f"  {source}".rstrip()
            for row, source in zip(cells, sources, strict=True)
        ]
