"""The version, as it stood in pyproject.toml when the native core was built."""

from pygan import _core

__version__: str = _core.build_info()["version"]
