"""One sentence for a name that does not exist: what was meant, and what there is."""

from __future__ import annotations

from collections.abc import Iterable

from pygan.errors import ConfigError

__all__ = ["unknown"]


def unknown(what: str, name: object, known: Iterable[str]) -> ConfigError:
    """The error for an unknown ``name``: ``unknown game 'wgan-pg': did you mean 'wgan-gp'? ...``.

    Args:
        what: the kind of thing that was looked up, as a reader would call it (``"game"``).
        name: what was asked for.
        known: what exists, in the order in which it should be listed.
    """
    # Imported here: only the way to an error needs it, and `import pygan` should stay quick.
    import difflib

    known = list(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ConfigError(f"unknown {what} {name!r}: {hint}known: {', '.join(known) or 'none'}")
