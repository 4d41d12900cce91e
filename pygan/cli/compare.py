"""``pygan compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pygan.cli.console import shown
from pygan.errors import ConfigError

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Write one page about several runs; the exit code."""
    from pygan.train.compare import write_comparison
    from pygan.train.rundir import find_run

    runs = []
    for where in arguments.runs:
        directory, named = find_run(where)
        if named is not None:
            raise ConfigError(f"compare takes run directories; {where} is a file")
        runs.append(directory)
    if arguments.output is None:
        stem = "-".join(directory.path.resolve().name for directory in runs[:3])
        path = Path(f"compare-{stem}{'-and-more' if len(runs) > 3 else ''}.html")
    else:
        path = Path(arguments.output)
        if path.is_dir():
            raise ConfigError(f"{path} is a directory; -o takes a file")
        if not path.parent.is_dir():
            raise ConfigError(f"{path.parent} is no directory")
    if path.exists() and not arguments.force:
        raise ConfigError(f"{path} exists; name another file with -o, or add --force to overwrite")
    write_comparison(runs, path)
    print(shown(path))
    return 0
