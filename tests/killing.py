"""Run as ``python killing.py COUNT ARGUMENTS``: pygan, killed at its COUNT-th call within a save.

The calls counted are those between the first byte of a checkpoint and the end of its saving: each
write, the fsync, the rename, the fsync of the folder, the pruning of older files. The signal is
SIGKILL, from within, so that the moment is exact and nothing can be cleaned up.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
from typing import Any

from pygan.train.rundir import RunDirectory


def main(count: int, arguments: list[str]) -> int:
    from pygan import cli

    left = [count]
    inside = [False]

    def counted(call: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if inside[0]:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapper

    real_open, real_save = builtins.open, RunDirectory.save

    def watched_open(*args: Any, **kwargs: Any) -> Any:
        # unbuffered: what a call has written is in the file when the next one is killed
        if inside[0] and args[1:2] == ("wb",):
            return _Watched(real_open(*args, buffering=0), counted)
        return real_open(*args, **kwargs)

    def watched_save(*args: Any, **kwargs: Any) -> Any:
        inside[0] = True
        try:
            return real_save(*args, **kwargs)
        finally:
            inside[0] = False

    builtins.open = watched_open
    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    RunDirectory.save = watched_save  # type: ignore[method-assign]
    return cli.main(arguments)


class _Watched:
    def __init__(self, file: Any, counted: Any) -> None:
        self.file, self._write = file, counted(file.write)

    def write(self, chunk: Any) -> int:
        return int(self._write(chunk))

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
