"""One sentence for a call of a compiled function whose arguments do not fit its signature."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pygan._core import Tensor
from pygan.errors import ConfigError, DTypeError, Error

__all__ = ["mismatch"]

_REQUIRED = object()


def mismatch(message: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Error:
    """The error for ``name(*args, **named)``; ``message`` is pybind11's, which holds the signature.

    Returns:
        DTypeError (a TypeError): an argument is missing, unknown, given twice or of a wrong type.
        ConfigError (a ValueError): a whole number that the engine's integers cannot hold.
    """
    name, _, rest = message.partition("(): incompatible ")
    signature = rest.partition("1. ")[2].partition("\n")[0]
    parameters = _parameters(signature[signature.index("(") :])
    if rest.startswith("constructor"):
        name, args = signature.partition("(")[0].rpartition(".")[2], args[1:]
    elif parameters and parameters[0][0] == "self":
        parameters, args = parameters[1:], args[1:]
    if not name:  # a property's setter: pybind11 leaves it without a name
        name, parameters, args = "Tensor", [("the value", *parameters[1][1:])], args[1:]
    known = [p for p, _, _ in parameters]
    usage = f"use {name}({', '.join(known)})"
    if len(args) > len(known):
        return DTypeError(f"{name}: takes at most {len(known)} arguments, got {len(args)}: {usage}")
    given = dict(zip(known, args, strict=False))
    for key, value in named.items():
        if key not in known:
            return DTypeError(f"{name}: unknown argument {key!r}: {usage}")
        if key in given:
            return DTypeError(f"{name}: argument {key!r} is given twice: {usage}")
        given[key] = value
    for parameter, kind, default in parameters:
        value = given.get(parameter, default)
        if value is _REQUIRED:
            return DTypeError(f"{name}: argument {parameter!r} is missing: {usage}")
        what, is_one = _KINDS.get(kind, ("", lambda _: True))
        if parameter in given and not is_one(value):
            wrap = ": wrap arrays with pygan.tensor" if "Tensor" in kind else ""
            return DTypeError(f"{name}: {parameter} must be {what}, got {_short(value)}{wrap}")
    for parameter, value in given.items():
        if isinstance(value, int) and abs(value) >= 2**31:
            return ConfigError(f"{name}: {parameter} = {_short(value)} is too large a number")
    shown = ", ".join(map(_short, given.values()))
    return DTypeError(f"{name}: ({shown}) does not fit {name}{signature}")


def _parameters(text: str) -> list[tuple[str, str, Any]]:
    """``(x: A, k: B = 3) -> C`` as names, types and defaults (`_REQUIRED` where there is none)."""
    parts, depth = [""], 0
    for letter in text[1:]:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    found = []
    for part in filter(None, map(str.strip, parts)):
        head, _, default = part.partition(" = ")
        name, _, kind = head.partition(": ")
        found.append((name, kind, default or _REQUIRED))
    return found


def _short(value: object) -> str:
    """A value as a message shows it, on one line and never with a tensor's elements."""
    if isinstance(value, Tensor):
        return f"Tensor {value.dtype} {value.shape}"
    if isinstance(value, np.ndarray):
        return f"numpy array {value.dtype} {value.shape}"
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor | np.ndarray) for v in value):
        return f"[{', '.join(map(_short, value))}]"
    text = re.sub(r"\s+", " ", repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is(check: Callable[[Any], object]) -> Callable[[Any], bool]:
    """Whether ``check`` takes a value without raising."""

    def test(value: object) -> bool:
        try:
            check(value)
        except (TypeError, ValueError, OverflowError):
            return False
        return True

    return test


_INT = "typing.SupportsInt | typing.SupportsIndex"
_FLOAT = "typing.SupportsFloat | typing.SupportsIndex"
_TENSOR = "pygan._core.Tensor"
_TENSORS = f"collections.abc.Sequence[{_TENSOR}]"

#: Type in a signature -> what it is called, and whether a value is one.
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    _TENSOR: ("a Tensor", lambda v: isinstance(v, Tensor)),
    f"{_TENSOR} | None": ("a Tensor or None", lambda v: v is None or isinstance(v, Tensor)),
    _TENSORS: (
        "a sequence of Tensors",
        lambda v: isinstance(v, Sequence) and all(isinstance(x, Tensor) for x in v),
    ),
    _INT: ("a whole number", _is(operator.index)),
    _FLOAT: ("a number", lambda v: not isinstance(v, str) and _is(float)(v)),
    f"{_FLOAT} | None": ("a number or None", lambda v: v is None or _is(float)(v)),
    "numpy.ndarray": ("a NumPy array", lambda v: isinstance(v, np.ndarray)),
    "bool": ("True or False", lambda v: isinstance(v, bool | np.bool_)),
    "str": ("a string", lambda v: isinstance(v, str)),
    "str | None": ("a string or None", lambda v: v is None or isinstance(v, str)),
}
