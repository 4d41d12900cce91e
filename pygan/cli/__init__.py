"""The command line: ``pygan train``, ``pygan sample``, ``pygan doctor``.

Expected errors end in one line on standard error and the exit code of their class; a traceback is
shown only where ``PYGAN_TRACEBACK=1`` asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. ``argv`` defaults to the program's arguments."""
    try:
        return _run(argv)
    except KeyboardInterrupt as stop:
        return _report(str(stop) or "interrupted", getattr(stop, "exit_code", 130))
    except BrokenPipeError:
        # The reader of our output has gone (`pygan train --list | head -1`): nothing to report.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError as error:
        return _failed(error, 5, str(error) or "out of memory")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _failed(error, 4, f"{where}{error.strerror or error}")
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:  # a fault of ours: only the traceback helps
            raise
        return _failed(error, code, str(error))


def _run(argv: Sequence[str] | None) -> int:
    from pygan.cli.parser import parser

    arguments = parser().parse_args(argv)
    return int(arguments.run(arguments))


def _failed(error: BaseException, code: int, text: str) -> int:
    if os.environ.get("PYGAN_TRACEBACK", "0") not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    return _report(f"error: {text}", code)


def _report(text: str, code: int) -> int:
    print("pygan:", " ".join(text.split()), file=sys.stderr)
    return code
