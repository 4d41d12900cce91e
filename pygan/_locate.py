"""Finds the compiled module `pygan._core`.

Python started in a checkout's root imports the checkout's `pygan/`, which holds no compiled module
after a plain `pip install .`: then the installed one is used, if it was built from these sources.
"""

import hashlib
import importlib.machinery
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SUFFIXES = importlib.machinery.EXTENSION_SUFFIXES


def _has_core(folder: Path) -> bool:
    return any((folder / f"_core{suffix}").is_file() for suffix in _SUFFIXES)


def source_digest(csrc: Path) -> str:
    """SHA-256 over the native sources, as CMakeLists.txt computes it."""
    files = [p for p in csrc.rglob("*") if p.suffix in (".cpp", ".cu", ".h")]
    lines = [
        f"{p.relative_to(csrc).as_posix()} {hashlib.sha256(p.read_bytes()).hexdigest()}\n"
        for p in sorted(files, key=lambda p: p.as_posix())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _locate() -> None:
    csrc = _HERE.parent / "csrc"
    package = sys.modules["pygan"]
    if not _has_core(_HERE):
        for entry in sys.path:
            folder = Path(entry or ".").resolve() / "pygan"
            if folder != _HERE and _has_core(folder):
                package.__path__.append(str(folder))
                break
        else:
            raise ImportError(
                f"pygan's compiled module is missing beside {_HERE}: run `pip install .` first"
            )
    if csrc.is_dir():
        from pygan import _core

        if _core.build_info()["source_digest"] != source_digest(csrc):
            raise ImportError(
                f"{_core.__file__} was built from other sources than this checkout's csrc/, "
                "rebuild: " + ("cmake --build build" if _has_core(_HERE) else "pip install .")
            )


_locate()
