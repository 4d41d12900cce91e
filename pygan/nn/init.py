"""Initial values of parameters: the same seed gives the same bits.

Two ways to draw, both from `pygan.random.Stream`:

- **A layer built by hand** draws from one stream of the process, ``nn.init``, in the order in
  which layers are built, like PyTorch's global generator. It starts with seed 0;
  ``pg.nn.init.seed(7)`` starts it again.
- **A network with a seed of its own** (`pygan.models`, or any module given to `default_` or
  `dcgan_`) draws every tensor from a stream named after it: ``init.<network>.<dotted name>``, for
  example ``init.generator.up1.weight``. Adding a layer then changes no other layer's values, and
  what was built before does not matter. Two networks of the same architecture, name and seed start
  equal; give them two names or two seeds.

A layer's own `reset_parameters` holds its default, which is PyTorch's.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.random import Stream

if TYPE_CHECKING:
    from pygan.nn.module import Module

__all__ = [
    "StreamOf",
    "constant_",
    "dcgan_",
    "default_",
    "deferred",
    "fan_in",
    "fan_in_uniform_",
    "he_",
    "normal_",
    "on_construction",
    "seed",
    "uniform_",
]

#: Name of a parameter within its layer -> the stream that its values come from.
StreamOf = Callable[[str], Stream]


class _State(threading.local):
    deferred: bool = False


_state = _State()
_layers: Stream | None = None  # made at first use: importing pygan draws nothing


def _check_seed(value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"seed must be a whole number, got {value!r}")


def seed(value: int = 0) -> None:
    """Starts the stream of layers built by hand (``nn.init``) again, with this seed."""
    global _layers
    _check_seed(value)
    _layers = Stream(value, "nn.init")


def _layer_stream(_: str) -> Stream:
    if _layers is None:
        seed(0)
    assert _layers is not None
    return _layers


@contextmanager
def deferred() -> Iterator[None]:
    """Layers built within draw nothing; their parameters are zero until somebody initialises them.

    For networks that are initialised as a whole afterwards: building them then leaves the stream
    of hand-built layers where it was.
    """
    before = _state.deferred
    _state.deferred = True
    try:
        yield
    finally:
        _state.deferred = before


def on_construction(layer: Module) -> None:
    """Called by a layer at the end of its __init__: its default values, unless deferred."""
    if not _state.deferred:
        for hook in ("reset_parameters", "reset_vectors"):
            if hasattr(layer, hook):
                getattr(layer, hook)(_layer_stream)


# -------------------------------------------------------------------- one tensor


def uniform_(tensor: Tensor, low: float, high: float, stream: Stream) -> None:
    """Fills `tensor` with uniform values in [low, high)."""
    with pg.no_grad():
        tensor.assign_(stream.uniform(tensor.shape, tensor.dtype) * (high - low) + low)


def normal_(tensor: Tensor, mean: float, std: float, stream: Stream) -> None:
    """Fills `tensor` with normal values."""
    with pg.no_grad():
        tensor.assign_(stream.normal(tensor.shape, tensor.dtype) * std + mean)


def constant_(tensor: Tensor, value: float) -> None:
    """Fills `tensor` with one value."""
    tensor.assign_(pg.full(tensor.shape, value, tensor.dtype, device=tensor.device))


def fan_in(weight: Tensor) -> int:
    """Number of products in one output element: all extents but the last.

    Linear ``(in, out)``: in. Conv2d ``(kh, kw, C_in/groups, C_out)``: kh kw C_in/groups.
    ConvTranspose2d ``(kh, kw, C_out/groups, C_in)``: kh kw C_out/groups, which is not what one of
    its outputs sums over, but what PyTorch takes for that layer too.
    """
    return math.prod(weight.shape[:-1])


def fan_in_uniform_(weight: Tensor, bias: Tensor | None, stream_of: StreamOf) -> None:
    """PyTorch's default of Linear and convolutions: both uniform in +-1/sqrt(fan_in).

    PyTorch writes the weight's bound as Kaiming uniform with a = sqrt(5): gain sqrt(3 / fan_in)
    with gain = sqrt(2 / (1 + a^2)) = sqrt(1/3), which is 1/sqrt(fan_in).

    Source: He et al. 2015 for the form; torch.nn.Linear.reset_parameters for the choice.
    """
    n = fan_in(weight)
    bound = 1.0 / math.sqrt(n) if n > 0 else 0.0
    uniform_(weight, -bound, bound, stream_of("weight"))
    if bias is not None:
        uniform_(bias, -bound, bound, stream_of("bias"))


# -------------------------------------------------------------------- a whole network
#
# Parents come before their children, and a norm of weights has vectors that follow from weights:
# hence a second walk for `reset_vectors`.


def _reset_vectors(module: Module, seed: int, name: str) -> None:
    for path, layer in module.named_modules():
        if hasattr(layer, "reset_vectors"):
            layer.reset_vectors(_stream_of(seed, name, path))


def _stream_of(seed: int, network: str, layer: str) -> StreamOf:
    _check_seed(seed)
    path = ".".join(part for part in ("init", network, layer) if part)
    return lambda parameter: Stream(seed, f"{path}.{parameter}")


def default_(module: Module, seed: int = 0, name: str = "network") -> None:
    """Gives every layer of `module` its own default again, from streams named after `name`.

    Parameters that belong to no layer with `reset_parameters` are left alone.
    """
    for path, layer in module.named_modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters(_stream_of(seed, name, path))
    _reset_vectors(module, seed, name)


def dcgan_(module: Module, seed: int = 0, name: str = "network", std: float = 0.02) -> None:
    """DCGAN's values: weights normal(0, 0.02), biases 0, batch norm's weight normal(1, 0.02).

    Source: Radford et al. 2016, section 4, for the weights; the values for batch norm are those of
    the authors' code.

    Raises:
        ConfigError: `std` is not a positive number.
    """
    if not (math.isfinite(std) and std > 0):
        raise ConfigError(f"dcgan_: std must be a positive number, got {std!r}")
    for path, layer in module.named_modules():
        stream_of = _stream_of(seed, name, path)
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(weight, Tensor):
            # A gain (one value per feature) scatters about 1, a matrix or filter about 0.
            normal_(weight, 1.0 if weight.ndim == 1 else 0.0, std, stream_of("weight"))
        if isinstance(bias, Tensor):
            constant_(bias, 0.0)
        if hasattr(layer, "reseed"):
            layer.reseed(stream_of)
    _reset_vectors(module, seed, name)


def he_(
    module: Module, seed: int = 0, name: str = "network", slope: float = 0.0, last: str = ""
) -> None:
    """He's values for (leaky) rectifiers: weights normal(0, gain^2 / fan_in), biases 0, gains 1.

    gain^2 = 2 / (1 + slope^2) keeps the size of activations through a layer and the rectifier after
    it. Nothing follows the layer named ``last``: its gain is 1.

    Source: He et al. 2015, "Delving deep into rectifiers", equations 10 and 15.

    Raises:
        ConfigError: `slope` is not a finite number.
    """
    if not math.isfinite(slope):
        raise ConfigError(f"he_: slope must be a finite number, got {slope!r}")
    for path, layer in module.named_modules():
        stream_of = _stream_of(seed, name, path)
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(weight, Tensor):
            if weight.ndim == 1:  # a norm's gain
                constant_(weight, 1.0)
            else:
                final = bool(last) and (path == last or path.startswith(f"{last}."))
                gain = 1.0 if final else math.sqrt(2.0 / (1.0 + slope * slope))
                normal_(weight, 0.0, gain / math.sqrt(fan_in(weight)), stream_of("weight"))
        if isinstance(bias, Tensor):
            constant_(bias, 0.0)
        if hasattr(layer, "reseed"):
            layer.reseed(stream_of)
    _reset_vectors(module, seed, name)
