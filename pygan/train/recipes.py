"""Recipes: the TOML files that come with pygan, and those of users."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pygan._suggest import unknown
from pygan.errors import ConfigError

__all__ = ["load", "names", "parse"]


def names() -> tuple[str, ...]:
    """The built-in recipes, the default first."""
    folder = resources.files("pygan") / "recipes"
    found = sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")
    return ("default", *(name for name in found if name != "default"))


def load(recipe: str) -> dict[str, Any]:
    """The table of a built-in recipe, by name, or of a TOML file, by path.

    It carries its name as ``recipe``: that of the file, without folder and extension. Raises
    ConfigError: no such recipe, an unreadable file, or one that is not TOML.
    """
    if recipe in names():
        text = (resources.files("pygan") / "recipes" / f"{recipe}.toml").read_text("utf-8")
        return {**parse(text, f"recipe {recipe}"), "recipe": recipe}
    path = Path(recipe)
    if not recipe.endswith(".toml") and not path.is_file():
        raise unknown("recipe", recipe, names())
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"cannot read recipe {recipe}: {reason}") from error
    table = parse(text, recipe)
    # A run's config.toml knows which recipe it came from; its own name says nothing.
    named = table.get("recipe", "config") if path.name == "config.toml" else path.stem
    return {**table, "recipe": named}


def parse(text: str, where: str) -> dict[str, Any]:
    """The table of a TOML text. Raises ConfigError, naming ``where`` it came from."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where} is not valid TOML: {error}") from None
