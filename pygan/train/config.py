"""Configuration: what a recipe may say, checked before anything is made.

A recipe is TOML. :func:`resolve` turns its table (and ``--set`` overrides) into a :class:`Config`
in which nothing is left open, and :meth:`Config.to_toml` writes that back, so that a run directory
says exactly what ran. Everything wrong is a ConfigError of one line with the nearest right name.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from pygan._suggest import unknown
from pygan.errors import ConfigError
from pygan.train import toml

__all__ = [
    "Config",
    "DataConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "fixed_part",
    "override",
    "resolve",
]

DEVICES = ("cpu", "cuda", "emu")
Table = dict[str, Any]


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator: a model's name, the length of its latent vectors, its width and norm.

    ``reference_size`` counts the examples of the reference batch of norm "virtual" or "reference";
    0: as many as in a batch. ``depth`` is the number of hidden layers of an MLP; a DCGAN's follows
    from the images' size.
    """

    model: str = "dcgan"
    latent: int = 100
    width: int = 64
    depth: int = 3
    norm: str = "batch"
    reference_size: int = 0


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The discriminator. Its norm is the game's default where the recipe names none."""

    model: str = "dcgan"
    width: int = 64
    depth: int = 3
    norm: str = ""
    reference_size: int = 0


@dataclass(frozen=True)
class DataConfig:
    """The data: "images", or a named distribution of points in the plane (`pygan.data.POINTS`).

    Of images the path, "" for the embedded ones, and the size (height, width) to bring them to.
    """

    name: str = "images"
    path: str = ""
    image_size: tuple[int, int] = (28, 28)


@dataclass(frozen=True)
class Config:
    """Every setting of a training run. ``game`` holds the game's name and all its settings.

    ``*_every`` count steps. ``log_every`` is how often a line goes to metrics.jsonl;
    ``features`` is the file of a feature network for scores, "" for pygan's own where there is one;
    ``tensorboard`` writes the same lines and the pictures for TensorBoard as well.
    """

    description: str = ""
    recipe: str = "default"
    seed: int = 0
    steps: int = 3000
    batch_size: int = 64
    device: str = "cpu"
    ema_decay: float = 0.999
    log_every: int = 10
    score_every: int = 1000
    sample_every: int = 500
    checkpoint_every: int = 500
    features: str = ""
    tensorboard: bool = False
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    data: DataConfig = field(default_factory=DataConfig)
    game: Table = field(default_factory=lambda: {"name": "non-saturating"})

    def to_dict(self) -> Table:
        """Plain nested values, for JSON and TOML, of the settings that apply."""
        table: Table = dict(_plain(dataclasses.asdict(self)))
        for path, (key, values) in _APPLIES.items():
            section, _, name = path.partition(".")
            if _lookup(self, key) not in values:
                del table[section][name]
        return table

    def to_toml(self) -> str:
        """The recipe that gives exactly this configuration."""
        return toml.dumps(self.to_dict())


#: Settings that apply only where another one has one of some values.
_APPLIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "data.path": ("data.name", ("images",)),
    "data.image_size": ("data.name", ("images",)),
    "generator.depth": ("generator.model", ("mlp",)),
    "discriminator.depth": ("discriminator.model", ("mlp",)),
}


#: What each number must satisfy, and how to say so.
_LIMITS: dict[str, tuple[float, float, str]] = {
    "seed": (0, 2**63 - 1, "a whole number from 0 to 2^63 - 1"),
    "steps": (0, math.inf, "0 or more"),
    "batch_size": (1, math.inf, "at least 1"),
    "ema_decay": (0, 0.999999999, "at least 0 and below 1"),
    "log_every": (1, math.inf, "at least 1"),
    "score_every": (1, math.inf, "at least 1"),
    "sample_every": (1, math.inf, "at least 1"),
    "checkpoint_every": (1, math.inf, "at least 1"),
    "generator.latent": (1, math.inf, "at least 1"),
    "generator.width": (1, math.inf, "at least 1"),
    "generator.depth": (1, 1000, "from 1 to 1000"),
    "discriminator.width": (1, math.inf, "at least 1"),
    "generator.reference_size": (0, math.inf, "at least 1, or 0 for the batch size"),
    "discriminator.reference_size": (0, math.inf, "at least 1, or 0 for the batch size"),
    "discriminator.depth": (1, 1000, "from 1 to 1000"),
}


#: Settings that may change when a run is resumed: they decide how long it is, what it leaves behind
#: and where it runs, but not what a step computes.
_FREE = {
    "description",
    "recipe",
    "steps",
    "device",
    "log_every",
    "score_every",
    "sample_every",
    "checkpoint_every",
    "features",
    "tensorboard",
}


def fixed_part(table: Mapping[str, Any]) -> Table:
    """The settings of a resolved table that a resumed run must share (not the data's path)."""
    fixed = {key: value for key, value in table.items() if key not in _FREE}
    return {**fixed, "data": {k: v for k, v in fixed["data"].items() if k != "path"}}


def resolve(table: Mapping[str, Any]) -> Config:
    """The configuration that ``table`` describes, with every default filled in.

    Raises ConfigError: an unknown setting (with the nearest known one), a wrong type, a value that
    cannot work, or a game and a norm that exclude each other.
    """
    from pygan import games
    from pygan.data import POINTS

    given = dict(table)
    if isinstance(given.get("game"), str):
        given["game"] = {"name": given["game"]}
    game_table = given.pop("game", {})
    if not isinstance(game_table, Mapping):
        raise ConfigError(f"game must be a name or a table, not {_shown(game_table)}")
    name = game_table.get("name", "non-saturating")
    if not isinstance(name, str):
        raise ConfigError(f"game.name must be a string, not {_shown(name)}")
    defaults = {"name": name, **_plain(games.get(name).settings())}
    known = [*_flat(dataclasses.asdict(Config()), skip="game"), *_flat({"game": defaults})]
    game_settings = _merge(defaults, game_table, "game", known)
    config: Config = _build(Config, given, "", known)
    if config.data.name not in ("images", *POINTS):
        raise unknown("data.name", config.data.name, ("images", *POINTS))
    _check_applies(config, given)
    for path, (low, high, text) in _LIMITS.items():
        value = _lookup(config, path)
        if not low <= value <= high:
            raise ConfigError(f"{path} must be {text}, not {_shown(value)}")
    if PurePath(config.recipe).name != config.recipe or config.recipe.startswith("."):
        raise ConfigError(f"recipe must be a plain name, not {_shown(config.recipe)}")
    if config.device not in DEVICES:
        # no nearest name here: "gpu" is nearer to cpu than to cuda
        raise ConfigError(f"unknown device {config.device!r}; known: {', '.join(DEVICES)}")
    game = games.get(**game_settings)
    norm = config.discriminator.norm or game.default_d_norm or "none"
    game.check_d_norm(None if norm == "none" else norm)
    return dataclasses.replace(
        config,
        game={"name": name, **_plain(game.settings())},
        discriminator=dataclasses.replace(config.discriminator, norm=norm),
    )


def _check_applies(config: Config, given: Mapping[str, Any]) -> None:
    """Refuses settings that would have no effect: whoever sets them expects one."""
    for path, (key, values) in _APPLIES.items():
        section, _, name = path.partition(".")
        value = _lookup(config, key)
        if value not in values and name in given.get(section, {}):
            raise ConfigError(
                f"{path} has no meaning with {key} = {_shown(value)}, only with "
                f"{' or '.join(map(repr, values))}; leave out the one or change the other"
            )


def override(table: Mapping[str, Any], settings: Sequence[str]) -> Table:
    """``table`` with ``key=value`` settings applied; keys are dotted, values TOML.

    A value that is no TOML counts as a string, so that ``game=wgan-gp`` needs no quotes within
    quotes. Raises ConfigError for anything that has no ``=``; names are checked by :func:`resolve`.
    """
    result: Table = _plain(table)
    for setting in settings:
        key, equals, text = setting.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            raise ConfigError(f"--set takes key=value, such as steps=500; got {setting!r}")
        where = result
        for part in parts[:-1]:
            inner = where.setdefault(part, {})
            if isinstance(inner, str) and part == "game":  # game = "wgan-gp" is short for a table
                inner = where[part] = {"name": inner}
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {setting}: {part} is a single value, not a table")
            where = inner
        value = _parse(text.strip())
        if parts == ["game"] and isinstance(value, str) and isinstance(where.get("game"), dict):
            # Another game: the settings of the recipe's own one do not fit it.
            value = {"name": value}
        where[parts[-1]] = value
    return result


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _build(cls: type[Any], table: Mapping[str, Any], prefix: str, known: Sequence[str]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values: Table = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if key not in fields:
            inner = _flat(value, f"{path}.") if isinstance(value, Mapping) else []
            wrong = inner[0] if inner else path
            raise ConfigError(_hint(f"unknown setting {wrong!r}", wrong, known))
        default = getattr(cls(), key)
        if dataclasses.is_dataclass(default):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{path} must be a table, not {_shown(value)}")
            values[key] = _build(type(default), value, f"{path}.", known)
        else:
            values[key] = _typed(path, value, default)
    return cls(**values)


def _merge(
    defaults: Mapping[str, Any], given: Mapping[str, Any], prefix: str, known: Sequence[str]
) -> Table:
    """``defaults`` with ``given`` over it, of the same structure and types."""
    from pygan.games import OptimizerSpec

    result = dict(defaults)
    other = given.get("name", defaults.get("name"))
    if prefix.endswith("_optimizer") and other != defaults.get("name") and isinstance(other, str):
        # Another optimizer: its own defaults count, and its own names of settings.
        result = {"name": other}
        OptimizerSpec(**{**given, "name": other})
        return {**result, **given}
    for key, value in given.items():
        path = f"{prefix}.{key}"
        if key not in defaults:
            if prefix.endswith("_optimizer"):
                OptimizerSpec(**{**defaults, key: value})  # other settings have defaults too
                result[key] = value
                continue
            raise ConfigError(_hint(f"unknown setting {path!r}", path, known))
        if isinstance(defaults[key], Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{path} must be a table, not {_shown(value)}")
            result[key] = _merge(defaults[key], value, path, known)
        else:
            result[key] = _typed(path, value, defaults[key])
    return result


def _typed(path: str, value: Any, default: Any) -> Any:
    """``value`` in the type of ``default``; whole numbers pass as floats, nothing else converts."""
    if path == "data.image_size":
        pair = (value, value) if _is_int(value) else value
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(_is_int, pair)):
            return tuple(pair)
        raise ConfigError(f"{path} must be a size such as 28 or [32, 48], not {_shown(value)}")
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(default, int):
        if _is_int(value):
            return value
    elif isinstance(default, float):
        if (_is_int(value) or isinstance(value, float)) and math.isfinite(value):
            return float(value)
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
    elif isinstance(default, (list, tuple)) and isinstance(value, (list, tuple)):
        numbers = [v for v in default if isinstance(v, float)]
        if not numbers:
            return list(value)
        if len(value) == len(default):
            pairs = zip(value, default, strict=True)
            return [_typed(f"{path}[{i}]", v, d) for i, (v, d) in enumerate(pairs)]
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    kind = kinds.get(type(default), f"a list like {_shown(default)}")
    raise ConfigError(f"{path} must be {kind}, not {_shown(value)}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _hint(message: str, wrong: str, known: Sequence[str]) -> str:
    """``message`` with the nearest of ``known``; a bare last part may stand for dotted names."""
    import difflib

    last = wrong.rpartition(".")[2]
    same = [name for name in known if name.rpartition(".")[2] == last]
    near = difflib.get_close_matches(wrong, same or known, n=1, cutoff=0.6) or same
    if not near:  # the table may be missing as well as the name misspelt
        ends = {name.rpartition(".")[2]: name for name in known}
        near = [ends[end] for end in difflib.get_close_matches(last, ends, n=1, cutoff=0.6)]
    if near:
        return f"{message}; did you mean {' or '.join(map(repr, near[:3]))}?"
    tops = sorted({name.partition(".")[0] for name in known})
    return f"{message}; known: {', '.join(tops)}"


def _lookup(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _flat(table: Mapping[str, Any], prefix: str = "", skip: str = "") -> list[str]:
    names: list[str] = []
    for key, value in table.items():
        if key == skip:
            continue
        if isinstance(value, Mapping):
            names += _flat(value, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names


def _plain(value: Any) -> Any:
    """Mappings to dicts and tuples to lists, all the way down: what JSON and TOML know."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
