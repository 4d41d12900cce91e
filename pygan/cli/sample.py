"""``pygan sample``."""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.cli.console import shown, warn
from pygan.data import POINTS
from pygan.errors import ConfigError

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Write a grid of samples; the exit code."""
    from pygan.train import runs
    from pygan.train.pictures import png_bytes
    from pygan.train.sampling import sample

    named = None if arguments.output is None else Path(arguments.output)
    if named is not None:
        _check_target(named, arguments.force)
    network, loaded, directory = runs.generator(arguments.checkpoint, warn)
    samples = sample(network, arguments.n, arguments.seed)
    if named is not None:
        array = named.suffix == ".npy"
        content = _npy(samples) if array else png_bytes(_picture(samples, loaded.state))
        _write(named, content, arguments.force)
        path = named
    else:
        step, name = loaded.state["step"], directory.path.resolve().name
        stem = f"{name}-step{step}-seed{arguments.seed}-{len(samples)}"
        path = _write_fresh(stem, png_bytes(_picture(samples, loaded.state)))
    print(shown(path))
    return 0


def _picture(samples: NDArray[Any], state: dict[str, Any]) -> NDArray[np.uint8]:
    """A grid of images, or points over real ones."""
    from pygan.train.sheets import image_sheet, point_sheet

    if samples.ndim == 4:
        return image_sheet(samples)
    real = POINTS[state["config"]["data"]["name"]]()
    return point_sheet(samples, real, f"step {state['step']:,}")


def _npy(samples: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, samples, allow_pickle=False)
    return file.getvalue()


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
    if path.suffix.lower() not in (".png", ".npy"):
        raise ConfigError(f"{path}: -o takes a name that ends in .png or .npy")


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
