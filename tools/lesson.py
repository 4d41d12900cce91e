"""Run docs/lesson.md: its Python blocks in order, each output against the text block after it.

    python tools/lesson.py             # all of it, under a minute; draws docs/images/lesson-*.png
    python tools/lesson.py --write     # the same, and writes the outputs into the page

A block marked ``text full`` is the output of the full training; `run(quick=...)`, which the tests
use, trains for a few steps, draws elsewhere and does not compare it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "lesson.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text( full)?\n(.*?)```)?", re.S)


def run(text: str, quick: Path | None = None) -> tuple[str, list[str]]:
    """(the page with the outputs it has now, where they differ from what it had).

    ``quick``: a folder for the pictures; three training steps instead of all.
    """
    names: dict[str, object] = {"__name__": "lesson"}
    differences: list[str] = []

    def replace(block: re.Match[str]) -> str:
        code, full, expected = block[1], block[2], block[3]
        if quick is not None:
            code = code.replace("steps = 1500", "steps = 3")
            code = code.replace('Path("docs/images")', f"Path({str(quick)!r})")
        line = text.count("\n", 0, block.start()) + 1
        output = io.StringIO()
        with contextlib.redirect_stdout(output):  # line numbers of errors are the page's
            exec(compile("\n" * line + code, str(PAGE), "exec"), names)
        printed = output.getvalue()
        if full and quick is not None:
            return block[0]
        if printed != (expected or ""):
            differences.append(f"line {line}: expected\n{expected}but it printed\n{printed}")
        if expected is None:
            return block[0]
        return f"```python\n{block[1]}```\n\n```text{full or ''}\n{printed}```"

    return BLOCK.sub(replace, text), differences


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the outputs into the page")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    page, differences = run(PAGE.read_text(encoding="utf-8"))
    if arguments.write:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    print("\n".join(differences) or "every output is as printed")
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
