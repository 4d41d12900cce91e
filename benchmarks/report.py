"""Tables in README.md and docs/performance.md, made from what benchmarks/results/ holds.

Between ``<!-- benchmarks:NAME -->`` and ``<!-- end -->`` stands what `TABLES` makes; nobody edits
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import scaling
from benchmarks.targets.measure import missed

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")

Row = dict[str, Any]
SHOWN = ("dcgan64", "critic64", "gp64", "dcgan32-nf64", "mlp64-ns", "memory64")


def results() -> list[tuple[str, list[Row]]]:
    """(file, rows) of each machine's targets."""
    files = sorted(RESULTS.glob("targets-*.json"))
    return [(f.name, json.loads(f.read_text())) for f in files]


def _figure(row: Row, key: str) -> str:
    unit = "MB" if row["case"].startswith("memory") else "ms"
    return "" if row["unit"] == "ratio" else f"{row[key]:.4g} {unit}"


def _head(rows: list[Row]) -> str:
    times = [r for r in rows if r["unit"] == "x" and not r["case"].startswith("memory")]
    return f"{rows[0]['cpu']}, {rows[0]['threads']} threads, float32; {times[0]['peer_name']}."


def whole() -> str:
    """Every target of every machine."""
    out = []
    for name, rows in results():
        out += [
            f"{_head(rows)} [Figures](../benchmarks/results/{name}).",
            "",
            "| case | work | peer / pygan | 95% interval | at least | aim | pygan | peer "
            "| differ by |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for r in rows:
            bold = "**" if missed(r) else ""
            out.append(
                f"| {r['case']} | {r['work']} | {bold}{r['value']:.2f}{bold} | "
                f"{r['low']:.2f} to {r['high']:.2f} | {r['least']:g} | {r['aim']:g} | "
                f"{_figure(r, 'pygan')} | {_figure(r, 'peer')} | {r['checked']:.0e} |"
            )
        below = [r["case"] for r in rows if missed(r)]
        out += ["", f"Below their bounds: {', '.join(below) or 'none'}.", ""]
    return "\n".join(out).strip()


def short() -> str:
    """What the README shows."""
    out = []
    for _, rows in results():
        by = {r["case"]: r for r in rows}
        out += [_head(rows), "", "| work | pygan | peer | times as good |", "|---|---|---|---|"]
        for case in SHOWN:
            if r := by.get(case):
                interval = f"{r['value']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
                out.append(
                    f"| {r['work']} | {_figure(r, 'pygan')} | {_figure(r, 'peer')} | {interval} |"
                )
        out.append("")
    return "\n".join(out).strip()


def growth() -> str:
    """Slopes, and the second thread's share."""
    out = []
    for file in sorted(RESULTS.glob("scaling-*.json")):
        result = json.loads(file.read_text())
        machine = result["machine"]
        out.append(f"{machine['cpu']}, {machine['threads']} threads:")
        out += ["", *(f"- {line}" for line in scaling.lines(result)), ""]
    return "\n".join(out).strip()


def slow() -> str:
    """Operations that a peer does faster, the slowest first."""
    out = []
    for file in sorted(RESULTS.glob("kernels-*.json")):
        result = json.loads(file.read_text())
        found = [
            (peer["ratio"], row["op"], row["pass"], name)
            for row in result["rows"]
            for name, peer in row["peers"].items()
        ]
        behind = sorted(f for f in found if f[0] < 1)
        machine = result["machine"]
        names = ", ".join(f"{op} {which} {ratio:.2f}" for ratio, op, which, _ in behind)
        out.append(
            f"{machine['cpu']}, {machine['threads']} threads: {len(found) - len(behind)} of "
            f"{len(found)} passes of single operations are at least as fast as {found[0][3]}'s. "
            f"The others, peer's time over pygan's: {names}. Where the peer only returns a view "
            "(transpose, sum, sum_to) it does no work at all."
        )
    return "\n\n".join(out)


TABLES: dict[str, Callable[[], str]] = {
    "targets": whole,
    "short": short,
    "growth": growth,
    "slow": slow,
}


def filled(text: str) -> str:
    """The page's text with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        return f"<!-- benchmarks:{match[1]} -->\n{TABLES[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- benchmarks:(\w+) -->\n.*?<!-- end -->", made, text, flags=re.DOTALL)


def write() -> list[Path]:
    """Writes the pages; those that changed."""
    changed = []
    for page in PAGES:
        before = page.read_text()
        after = filled(before)
        if after != before:
            page.write_text(after)
            changed.append(page)
    return changed
