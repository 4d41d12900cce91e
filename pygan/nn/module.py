"""Module: a tree of layers, its parameters and its buffers.

There is no registry behind a module. Its attributes *are* the tree: a `Parameter` is trained, a
`Buffer` is state that is saved but not trained, a `Module` is a child, and anything else is an
ordinary attribute. Order is the order of assignment, so a layer that sets ``weight`` before
``bias`` lists them that way.

    class Critic(pg.nn.Module):
        def __init__(self):
            self.hidden = pg.nn.Linear(2, 64)
            self.out = pg.nn.Linear(64, 1)

        def forward(self, x):
            return self.out(pg.ops.leaky_relu(self.hidden(x), 0.2))

    [name for name, _ in Critic().named_parameters()]
    # ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, DTypeError
from pygan.recording import changed

__all__ = ["Buffer", "Module", "Parameter", "Sequential"]

_DEVICES = ("cpu", "cuda", "emu")
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
T = TypeVar("T")


def _as_tensor(data: Any) -> Tensor:
    return data.detach() if isinstance(data, Tensor) else pg.tensor(data)


def _float_dtype(target: Any) -> np.dtype:
    if target is not None:  # which NumPy would read as float64
        try:
            dtype = np.dtype(target)
        except TypeError:
            dtype = np.dtype(object)
        if dtype in _FLOATS:
            return dtype
    raise DTypeError(f"to: expected 'float32', 'float64' or a device, got {target!r}")


class Parameter(Tensor):
    """A tensor that is trained, once it is an attribute of a `Module`.

    Args:
        data: a tensor (its memory is shared) or anything that `pg.tensor` takes (copied).
        requires_grad: False freezes it; it stays a parameter.
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(_as_tensor(data))
        self.requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        # pg.tensor copies; sharing memory would let one network train the other.
        return Parameter(pg.tensor(self.detach()), requires_grad=self.requires_grad)


class Buffer(Tensor):
    """State of a module that is saved and moved with it, but not trained (running statistics).

    Args:
        data: a tensor (its memory is shared) or anything that `pg.tensor` takes (copied).
        constant: no training changes it (a reference batch), so a moving average copies it.
    """

    def __init__(self, data: Any, constant: bool = False) -> None:
        super().__init__(_as_tensor(data))
        self.constant = constant

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        return Buffer(pg.tensor(self.detach()), constant=self.constant)


class Module:
    """Base class of layers and networks. A subclass defines `forward`."""

    # On the class, so that a subclass need not call super().__init__() before it assigns layers.
    training: bool = True
    # Whether forward takes (x, ref) and returns both (see pygan.nn.virtual_batch_norm).
    takes_reference: bool = False
    # Whether several batches may go through forward as one (see pygan.nn.batches); not inherited.
    joins_batches: bool = False

    def forward(self, *inputs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self.forward(*inputs, **named)

    def forward_pair(self, x: Tensor, ref: Tensor) -> tuple[Tensor, Tensor]:
        """Both through the module: together where it takes a reference batch, else one by one."""
        if self.takes_reference:
            y, ref = self(x, ref)
            return y, ref
        from pygan.nn import batches  # which imports this module

        y = self(x)
        with batches.in_parts(1):  # one batch, however many x is
            return y, self(ref)

    def forward_then(self, following: Module, x: Tensor) -> Tensor | None:
        """``following(self(x))``, to the bit, where one operation does both; else None."""
        return None

    # ---------------------------------------------------------------- the tree

    def named_children(self) -> list[tuple[str, Module]]:
        """The modules directly below this one."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module (named ``prefix``) and all below it, parents first, each once."""
        yield from self._walk(prefix, set())

    def _walk(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:  # a layer used in two places is one layer
            return
        seen.add(id(self))
        yield prefix, self
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield from value._walk(f"{prefix}.{name}" if prefix else name, seen)
            elif isinstance(value, (list, tuple)) and any(
                isinstance(item, (Module, Parameter)) for item in value
            ):
                # Layers in a list would be skipped in silence, and never trained.
                raise ConfigError(
                    f"{type(self).__name__}.{name}: layers in a {type(value).__name__} are not "
                    "found; put them into a Sequential"
                )

    def modules(self) -> list[Module]:
        """This module and all below it."""
        return [module for _, module in self.named_modules()]

    def _named(self, *kinds: type[T]) -> list[tuple[str, T]]:
        """Attributes of these kinds in the tree, each once, under its first dotted name."""
        found: dict[int, tuple[str, T]] = {}
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, kinds):
                    found.setdefault(id(value), (f"{prefix}.{name}" if prefix else name, value))
        return list(found.values())

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """(dotted name, parameter) in the order of the layers, weight before bias."""
        return self._named(Parameter)

    def parameters(self) -> list[Parameter]:
        """All parameters in the order of the layers, weight before bias; no buffers."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Buffer]]:
        """(dotted name, buffer) in the order of the layers."""
        return self._named(Buffer)

    def buffers(self) -> list[Buffer]:
        """All buffers in the order of the layers."""
        return [buffer for _, buffer in self.named_buffers()]

    # ---------------------------------------------------------------- state

    def _state(self) -> dict[str, Tensor]:
        return dict(self._named(Parameter, Buffer))

    def state_dict(self) -> dict[str, Tensor]:
        """Dotted name -> tensor for every parameter and buffer. They share the module's memory."""
        return {name: tensor.detach() for name, tensor in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Copies values in, by name. All or nothing: on an error nothing has changed.

        Args:
            state: dotted name -> tensor or NumPy array, with exactly the names, shapes and dtypes
                of `state_dict`.

        Raises:
            ConfigError: names are missing or unexpected, or shapes or dtypes differ; the message
                lists all of them.
        """
        own = self._state()
        if not isinstance(state, Mapping):
            raise ConfigError(
                f"{type(self).__name__}: a state is a mapping from names to tensors, got "
                f"{type(state).__name__}"
            )
        wrong = [f"missing: {name} {t.shape}" for name, t in own.items() if name not in state]
        wrong += [f"unexpected: {name}" for name in state if name not in own]
        for name, t in own.items():
            if name in state:
                new = state[name]
                if not (hasattr(new, "shape") and hasattr(new, "dtype")):
                    wrong.append(f"{name}: expected {t.dtype} {t.shape}, got {type(new).__name__}")
                elif tuple(new.shape) != t.shape or new.dtype != t.dtype:
                    wrong.append(
                        f"{name}: expected {t.dtype} {t.shape}, got {new.dtype} {tuple(new.shape)}"
                    )
        if wrong:
            raise ConfigError(f"{type(self).__name__}: state does not fit: " + "; ".join(wrong))
        for name, t in own.items():
            t.assign_(state[name])
        return self

    # ---------------------------------------------------------------- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        """A changed setting (a rate, a mode, a layer) makes recorded steps out of date."""
        old = self.__dict__.get(name, self)
        super().__setattr__(name, value)
        if old is not value:
            changed()

    # ---------------------------------------------------------------- modes, dtype, device

    def train(self, mode: bool = True) -> Self:
        """Training mode for the whole tree: batch norm uses the statistics of the batch."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode for the whole tree: batch norm uses its running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freezes (False) or unfreezes all parameters. Frozen ones cost no gradient work."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        changed()
        return self

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, target: Any) -> Self:
        """Changes the dtype or moves to a device, in place.

        The parameters stay the same objects and now hold other memory; their gradients are
        forgotten. A dtype applies to floating-point tensors; counters stay integers. An optimizer
        keeps its own state: build it after `to`.

        Args:
            target: ``"float32"``, ``"float64"`` or ``"cpu"``, ``"cuda"``, ``"emu"``.

        Raises:
            DTypeError: not a floating-point dtype.
            DeviceError: a device that is not available.
        """
        to_device = isinstance(target, str) and target in _DEVICES
        dtype = None if to_device else _float_dtype(target)
        for tensor in self._state().values():
            if to_device and tensor.device != target:
                tensor.set_(pg.tensor(tensor.detach(), device=target))
            elif not to_device and tensor.dtype != dtype and tensor.dtype in _FLOATS:
                tensor.set_(tensor.detach().astype(dtype))
        changed()
        return self

    # ---------------------------------------------------------------- text

    def extra_repr(self) -> str:
        """What stands between the parentheses of a layer's repr."""
        return ""

    def label(self) -> str:
        """How error messages call this layer."""
        return repr(self).splitlines()[0].rstrip("(")

    def __repr__(self) -> str:
        head = f"{type(self).__name__}({self.extra_repr()}"
        lines = [
            f"  ({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        return "\n".join([head, *lines, ")"]) if lines else f"{head})"


class Sequential(Module):
    """Modules one after another: ``Sequential(a, b)(x) == b(a(x))``.

    Called with a reference batch beside x it runs every layer on both and returns both: together
    through the layers that take one (`pg.nn.VirtualBatchNorm`), one by one through all others.

    Args:
        modules: the layers, named "0", "1", ... in state_dict; or one mapping of names to layers.

    Indexing gives a layer, slicing a `Sequential` of the same layers; iteration and `len` work.
    """

    joins_batches = True

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = dict(modules[0])
        else:
            named = {str(i): module for i, module in enumerate(modules)}
        for name, module in named.items():
            if not isinstance(module, Module):
                raise ConfigError(f"Sequential: {name} is {module!r}, not a Module")
            if "." in name or hasattr(type(self), name):
                raise ConfigError(f"Sequential: a layer cannot be called {name!r}")
            setattr(self, name, module)

    @property
    def takes_reference(self) -> bool:  # type: ignore[override]
        return any(module.takes_reference for module in self)

    def forward(self, x: Tensor, ref: Tensor | None = None) -> Any:
        if ref is None:
            layers = list(self)
            while layers:
                module = layers.pop(0)
                both = module.forward_then(layers[0], x) if layers else None
                if both is None:
                    x = module(x)
                else:
                    x = both
                    layers.pop(0)
            return x
        for module in self:
            x, ref = module.forward_pair(x, ref)
        return x, ref

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self.named_children()])

    def __len__(self) -> int:
        return len(self.named_children())

    def __getitem__(self, index: int | slice) -> Any:
        children = self.named_children()
        if isinstance(index, slice):
            return Sequential(dict(children[index]))
        return children[index][1]
