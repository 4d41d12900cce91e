"""The figures of operations as a table: for the terminal, and as Markdown."""

from __future__ import annotations

from typing import Any

__all__ = ["markdown", "text"]

HEAD = ("operation", "pass", "inputs", "ms", "GFLOP/s", "GB/s", "% of roofline", "bound by")


def _cells(row: dict[str, Any], peers: list[str]) -> list[str]:
    inputs = ", ".join(i.split(" ", 1)[1].replace(", ", "x").strip("[]") for i in row["inputs"])
    cells = [row["op"], row["pass"], inputs or "a number", f"{row['ms']:.3f}"]
    cells += [f"{row['gflops']:.1f}", f"{row['gbs']:.1f}", f"{row['percent']:.0f}", row["bound"]]
    for peer in peers:
        found = row["peers"].get(peer)
        cells.append(f"{found['ratio']:.2f} [{found['low']:.2f}]" if found else "")
    return cells


def _peers(result: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(peer for row in result["rows"] for peer in row["peers"]))


def text(result: dict[str, Any]) -> str:
    """Columns aligned for a terminal."""
    peers = _peers(result)
    lines = [[*HEAD, *peers], *(_cells(row, peers) for row in result["rows"])]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = (0, 1, 2, 7)
    return "\n".join(
        "  ".join(
            c.ljust(w) if i in left else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(result: dict[str, Any]) -> str:
    """A Markdown table, with the machine above it."""
    peers = _peers(result)
    machine = result["machine"]
    lines = [
        f"{machine['cpu']}, {machine['threads']} threads, {machine['isa']}; micro-kernel "
        f"{result['gflops']:.0f} GFLOP/s, copy {result['gbs']:.1f} GB/s. A peer's column: its time "
        "over pygan's, median [lower end of its 95% interval].",
        "",
        "| " + " | ".join([*HEAD, *peers]) + " |",
        "|" + "---|" * (len(HEAD) + len(peers)),
    ]
    lines += ["| " + " | ".join(_cells(row, peers)) + " |" for row in result["rows"]]
    return "\n".join(lines) + "\n"
