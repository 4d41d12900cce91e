"""``pygan sample``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pygan.cli.console import shown, warn
from pygan.errors import ConfigError

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Write a grid of samples; the exit code."""
    from pygan.train import runs
    from pygan.train.pictures import grid, png_bytes
    from pygan.train.sampling import sample

    named = None if arguments.output is None else Path(arguments.output)
    if named is not None:
        _check_target(named, arguments.force)
    network, loaded, directory = runs.generator(arguments.checkpoint, warn)
    images = sample(network, arguments.n, arguments.seed)
    picture = png_bytes(grid(images), scale=max(1, min(4, 64 // max(images.shape[1:3]))))
    if named is not None:
        _write(named, picture, arguments.force)
        path = named
    else:
        step, name = loaded.state["step"], directory.path.resolve().name
        stem = f"{name}-step{step}-seed{arguments.seed}-{len(images)}"
        path = _write_fresh(stem, picture)
    print(shown(path))
    return 0


def _check_target(path: Path, force: bool) -> None:
    if path.is_dir():
        raise ConfigError(f"{path} is a directory; -o takes a file")
    target = _target(path)
    if os.path.lexists(target) and not target.is_file():
        raise ConfigError(f"{path} is not a regular file; -o does not replace it")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; name another file, or add --force to overwrite it")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent if path.is_symlink() else path.parent} is no directory")


def _target(path: Path) -> Path:
    """Where writing to ``path`` goes: links are followed, not replaced."""
    return Path(os.path.realpath(path))


def _write(path: Path, content: bytes, force: bool) -> None:
    from pygan.train.files import write_atomic

    if force:
        write_atomic(_target(path), [content])
        return
    try:
        with open(path, "xb") as file:  # made meanwhile by somebody else: refused as well
            file.write(content)
    except FileExistsError:
        raise ConfigError(f"{path} exists; add --force to overwrite it") from None


def _write_fresh(stem: str, content: bytes) -> Path:
    """Write to ``stem.png``, or the first ``stem-2.png``, ``stem-3.png``, .. that is free."""
    for number in range(1, 1_000_000):
        path = Path(f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return path
    raise ConfigError(f"no free name for {stem}.png; use -o")
