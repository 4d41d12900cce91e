"""Operations written in Python: a class with forward, vjp and, where it pays, jvp.

Such an op is recorded, differentiated, traced and checked like the engine's own.
examples/user_op.py is one to copy; `pygan.testing.check_op` checks one in a single call.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from pygan import _core
from pygan._core import Tensor
from pygan.errors import ConfigError, DTypeError, ShapeError

__all__ = ["Op", "apply", "register_op", "registered_ops"]

_ALL = 0xFFFFFFFF
_DTYPES = ("float32", "float64", "int64", "uint8", "bool")
_user_ops: dict[str, type[Op]] = {}


class Op:
    """Base class of an operation in Python; make it one with `register_op`.

    ::

        @pg.register_op
        class Swish(pg.Op):
            name = "swish"
            beta: float = 1.0                                # a hyper-parameter

            def forward(self, x):                            # NumPy arrays: the kernel
                return x / (1 + np.exp(-self.beta * x))

            def vjp(self, inputs, outputs, cotangents):      # tensors: pygan.ops only
                (x,), (y,), (dy,) = inputs, outputs, cotangents
                s = pg.ops.sigmoid(x * self.beta)
                return dy * (s + self.beta * y * (1.0 - s))

        y = Swish(beta=2.0)(x)                               # or pg.apply(Swish(beta=2.0), x)

    Hyper-parameters are annotated attributes: immutable once set, and neither arrays nor tensors,
    which are inputs.

    ``forward(self, *inputs)``
        Dense read-only NumPy arrays in; an array, or ``outputs`` of them in a tuple, out. NumPy,
        numba or anything else. Results are copied. Float inputs share one dtype, which every float
        output must have. Nothing is recorded here.
    ``vjp(self, inputs, outputs, cotangents[, needs])``
        The cotangents of the inputs, one tensor an input (the tensor itself where there is one
        input), None for zero and for integer inputs. Made of pygan.ops and other ops, so every
        order of derivative comes free; numpy(), item() and the like raise in here, because a value
        taken out of the graph would make higher orders silently wrong. A cotangent is None for an
        output without gradient. ``needs[i]`` is False where nobody asks for input i's.
    ``jvp(self, inputs, outputs, tangents)``
        Optional: the tangents of the outputs, likewise. Without it two vjps give them.

    An exception within any of them carries through, with a note that names the op.
    """

    #: The name in traces, errors and `registered_ops`; unique, a Python identifier.
    name: ClassVar[str]
    #: How many arrays forward returns.
    outputs: ClassVar[int] = 1
    #: False: no vjp; the outputs are constants to autograd.
    differentiable: ClassVar[bool] = True
    #: Which outputs carry gradients: True (every float one) or their indices.
    differentiable_outputs: ClassVar[bool | Sequence[int]] = True
    #: Whose values vjp and jvp read: True, False or indices. The others are shape and dtype alone.
    save_inputs: ClassVar[bool | Sequence[int]] = True
    save_outputs: ClassVar[bool | Sequence[int]] = True
    #: Row b of every output depends on row b of the inputs alone.
    per_sample: ClassVar[bool] = False

    _traits: ClassVar[dict[str, Any]]
    _asks_needs: ClassVar[bool]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Tensor) or not _hashable(value):
                raise ConfigError(
                    f"user op {self.name!r}: hyper-parameter {field.name!r} is a "
                    f"{type(value).__name__}: use numbers, strings and tuples; arrays are inputs"
                )

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        return apply(self, *inputs)

    def forward(self, *inputs: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        raise NotImplementedError

    # What csrc/bindings/user_op.cpp calls: the user's methods, with their results checked.

    def _forward(self, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        floats = {x.dtype for x in inputs if x.dtype.kind == "f"}
        if len(floats) > 1:
            raise DTypeError(
                f"{self.name}: mixed dtypes {', '.join(f'{x.dtype} {x.shape}' for x in inputs)}: "
                "convert one with astype"
            )
        what = f"forward of user op {self.name!r}"
        results = self._results(self._run(self.forward, *inputs), self.outputs, what)
        checked = []
        for i, y in enumerate(results):
            if not isinstance(y, np.ndarray | np.generic):
                raise DTypeError(
                    f"{what} returned a {type(y).__name__} as output {i}: return NumPy arrays"
                )
            if y.dtype.name not in _DTYPES:
                raise DTypeError(
                    f"{what} returned {y.dtype} {y.shape} as output {i}: use {', '.join(_DTYPES)}"
                )
            if y.ndim > 8:
                raise ShapeError(
                    f"{what} returned shape {y.shape} as output {i}: a shape has at most 8 axes"
                )
            if y.dtype.kind == "f" and floats and y.dtype not in floats:
                raise DTypeError(
                    f"{what} returned {y.dtype} {y.shape} as output {i} for {next(iter(floats))} "
                    "inputs: compute in the dtype of the inputs"
                )
            if self.per_sample and (not y.ndim or y.shape[0] not in {len(x) for x in inputs}):
                raise ShapeError(
                    f"{what} returned shape {y.shape} as output {i}: per_sample = True promises "
                    "one row a sample"
                )
            checked.append(np.asarray(y))
        return checked

    def _vjp(
        self, inputs: tuple, outputs: tuple, cotangents: tuple, needs: list[bool]
    ) -> list[Tensor | None]:
        extra = (tuple(needs),) if self._asks_needs else ()
        dx = self._run(self.vjp, inputs, outputs, cotangents, *extra)  # type: ignore[attr-defined]
        checked = self._tensors(dx, inputs, "vjp", "input")
        return [d if need else None for d, need in zip(checked, needs, strict=True)]

    def _jvp(self, inputs: tuple, outputs: tuple, tangents: tuple) -> list[Tensor | None]:
        ty = self._run(self.jvp, inputs, outputs, tangents)  # type: ignore[attr-defined]
        return self._tensors(ty, outputs, "jvp", "output")

    def _run(self, method: Callable, *args: Any) -> Any:
        try:
            return method(*args)
        except Exception as error:
            error.add_note(f"in the {method.__name__} of user op {self.name!r}")
            raise

    def _results(self, results: Any, count: int, what: str) -> Sequence:
        if not isinstance(results, tuple | list):
            results = (results,)
        if len(results) != count:
            raise ShapeError(f"{what} returned {len(results)} results, expected {count}")
        return results

    def _tensors(self, results: Any, like: tuple, method: str, role: str) -> list[Tensor | None]:
        what = f"{method} of user op {self.name!r}"
        results = self._results(results, len(like), what)
        for i, (d, x) in enumerate(zip(results, like, strict=True)):
            if d is None:
                continue
            if not isinstance(d, Tensor):
                raise DTypeError(
                    f"{what} returned a {type(d).__name__} for {role} {i}: return a tensor made "
                    "with pygan.ops (a NumPy value is a constant to autograd), or None for zero"
                )
            if x.dtype.kind != "f":
                raise DTypeError(
                    f"{what} returned a tensor for {role} {i}, {x.dtype} {x.shape}, which has no "
                    "derivative: return None there"
                )
            if d.shape != x.shape:
                raise ShapeError(
                    f"{what} returned shape {d.shape} for {role} {i} of shape {x.shape}"
                )
            if d.dtype != x.dtype:
                raise DTypeError(f"{what} returned {d.dtype} for {role} {i}, which is {x.dtype}")
        return list(results)


AnyOp = TypeVar("AnyOp", bound=type[Op])


def register_op(cls: AnyOp) -> AnyOp:
    """Class decorator: makes a subclass of `Op` an operation, known under its ``name``.

    Its annotated attributes become keyword arguments of the constructor. Running the same
    definition again (a notebook's cell) replaces it. ConfigError: a name that is taken, or a class
    that is not an op.
    """
    if not (isinstance(cls, type) and issubclass(cls, Op)):
        raise ConfigError(f"register_op: {cls!r} is not a subclass of pygan.Op")
    name = cls.__dict__.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError(
            f'register_op: {cls.__name__} needs an attribute name = "...", an identifier of its own'
        )
    what = f"register_op: user op {name!r}"
    taken = _user_ops.get(name)
    if name in _core.registered_ops() or name in vars(_core.ops):
        raise ConfigError(f"{what}: the engine has an op of this name: choose another")
    if taken and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ConfigError(
            f"{what}: the name is taken by {taken.__module__}.{taken.__qualname__}: choose another"
        )
    if cls.forward is Op.forward:
        raise ConfigError(f"{what} defines no forward")
    if cls.differentiable and not hasattr(cls, "vjp"):
        raise ConfigError(f"{what} defines no vjp: write one, or set differentiable = False")
    if "__init__" in cls.__dict__:
        raise ConfigError(
            f"{what} defines __init__: annotate its hyper-parameters instead (beta: float = 1.0)"
        )
    reserved = set(inspect.get_annotations(cls)) & set(inspect.get_annotations(Op))
    reserved = {n for n in reserved if "ClassVar" not in str(inspect.get_annotations(cls)[n])}
    if reserved:
        raise ConfigError(f"{what}: {', '.join(sorted(reserved))} must not be annotated")
    if not (isinstance(cls.outputs, int) and 1 <= cls.outputs <= 32):
        raise ConfigError(f"{what}: outputs must be 1 to 32, got {cls.outputs!r}")
    cls = dataclasses.dataclass(frozen=True, eq=False, kw_only=True)(cls)
    cls._asks_needs = cls.differentiable and len(inspect.signature(cls.vjp).parameters) > 4  # type: ignore[attr-defined]
    cls._traits = {
        "name": name,
        "save_inputs": _mask(cls.save_inputs, f"{what}: save_inputs"),
        "save_outputs": _mask(cls.save_outputs, f"{what}: save_outputs"),
        "differentiable_outputs": _mask(
            cls.differentiable_outputs, f"{what}: differentiable_outputs"
        ),
        "differentiable": bool(cls.differentiable),
        "per_sample": bool(cls.per_sample),
        "has_jvp": hasattr(cls, "jvp"),
    }
    _user_ops[name] = cls
    return cls


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # a list, an array, a tuple of them: what could change later
        return False
    return True


def _mask(which: bool | Sequence[int], what: str) -> int:
    if isinstance(which, bool):
        return _ALL if which else 0
    try:
        indices = [int(i) for i in which]
    except (TypeError, ValueError):
        indices = [-1]
    if any(not 0 <= i < 32 for i in indices):
        raise ConfigError(f"{what} must be True, False or indices from 0 to 31, got {which!r}")
    return sum(1 << i for i in set(indices))


def apply(op: Op, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
    """``op`` applied to tensors and recorded: a tensor, or a tuple where ``op.outputs > 1``.

    ConfigError: ``op`` is no instance of a registered class. DTypeError: an input that is no
    tensor, or float inputs of two dtypes.
    """
    if isinstance(op, type) and issubclass(op, Op):
        raise ConfigError(f"apply: {op.__name__} is a class: pass an instance, {op.__name__}(...)")
    if not isinstance(op, Op) or "_traits" not in vars(type(op)):
        raise ConfigError(
            f"apply: {type(op).__name__} is not a registered op: decorate a subclass of pygan.Op "
            "with @pygan.register_op"
        )
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            raise DTypeError(
                f"{op.name}: input {i} is a {type(x).__name__}, not a Tensor: wrap it with "
                "pygan.tensor"
            )
    outputs = _core.apply_user(op, list(inputs), **op._traits)
    return outputs[0] if op.outputs == 1 else outputs


def registered_ops() -> dict[str, dict[str, bool]]:
    """``{name: {differentiable, fused, user}}`` of every op there is; users' ops come last."""
    native = {name: {**info, "user": False} for name, info in _core.registered_ops().items()}
    user = {
        name: {"differentiable": bool(cls.differentiable), "fused": False, "user": True}
        for name, cls in _user_ops.items()
    }
    return native | user
