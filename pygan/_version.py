"""The version, from the installed package's metadata or the checkout's pyproject.toml."""

from pathlib import Path


def _version() -> str:
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    if pyproject.is_file():
        for line in pyproject.read_text(encoding="utf-8").splitlines():
            if line.startswith("version ="):
                return line.split('"')[1]
    from importlib.metadata import version

    return version("pygan")


__version__ = _version()
