"""Feature networks: what distances between image sets are measured in, from one safetensors file.

A file holds tensors and, in its ``__metadata__``, ``format`` = ``pygan-features``, ``version`` =
``1`` and ``network``, a JSON object:

    {"input": [28, 28, 1],                                   height, width, channels
     "layers": [{"name": "conv1", "type": "conv2d", "stride": 2, "padding": 1},
                {"name": "act1", "type": "leaky_relu", "negative_slope": 0.2},
                {"name": "flat", "type": "flatten"},
                {"name": "hidden", "type": "linear"},
                {"name": "act2", "type": "relu"},
                {"name": "head", "type": "linear"}],
     "features": "act2",                                     the layer whose output (N, F) is used
     "classes": ["cat", "dog"]}                              optional: the last output is logits

======================  ==================================  ====================================
type                    tensors                             settings (with their defaults)
======================  ==================================  ====================================
``conv2d``              ``NAME.weight`` (kh, kw, C/groups,  ``stride`` 1, ``padding`` 0,
                        K), ``NAME.bias`` (K,) or none      ``dilation`` 1, ``groups`` 1
``linear``              ``NAME.weight`` (in, out),
                        ``NAME.bias`` (out,) or none
``batch_norm``          ``NAME.running_mean``,              ``eps`` 1e-5
                        ``NAME.running_var`` (C,), and
                        ``NAME.weight``, ``NAME.bias``
                        (C,) or none of the two
``leaky_relu``                                              ``negative_slope`` 0.01
``relu``, ``tanh``,
``sigmoid``,
``softplus``
``global_avg_pool``                                         (N, H, W, C) -> (N, C)
``flatten``                                                 (N, H, W, C) -> (N, H W C)
======================  ==================================  ====================================

Layers run one after another, as in evaluation, on float32 images (N, H, W, C) in [-1, 1]. A network
that was trained on another range begins with a ``batch_norm`` that makes that range. Nothing in the
file is executed, and whatever does not fit is a ConfigError that names it.
:meth:`FeatureNetwork.save` writes such a file from a `pygan.nn.Sequential`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan import nn
from pygan._suggest import unknown
from pygan.data import adapt, to_float
from pygan.errors import ConfigError, DTypeError, Error, NonFiniteError, ShapeError

__all__ = ["FORMAT", "VERSION", "FeatureNetwork"]

FORMAT, VERSION = "pygan-features", "1"
_CHUNK = 100  # images run at once; fixed, so that a row's bits do not depend on the other rows
_MAX_BYTES = 1 << 31

Array = NDArray[Any]

#: Types of layers: the module, and the settings that it is described by.
_LAYERS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "conv2d": (nn.Conv2d, ("stride", "padding", "dilation", "groups")),
    "linear": (nn.Linear, ()),
    "batch_norm": (nn.BatchNorm, ("eps",)),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope",)),
    "relu": (nn.ReLU, ()),
    "tanh": (nn.Tanh, ()),
    "sigmoid": (nn.Sigmoid, ()),
    "softplus": (nn.Softplus, ()),
    "global_avg_pool": (nn.GlobalAvgPool, ()),
    "flatten": (nn.Flatten, ()),
}


class FeatureNetwork:
    """Images -> features, and logits where its last layer gives them.

    >>> network = FeatureNetwork(trained, input_shape=(28, 28, 1), features="act2")
    >>> network.save("mine.safetensors")                  # pygan train --features mine.safetensors
    >>> features, logits = FeatureNetwork.load("mine.safetensors")(images)

    Args:
        network: layers of the types above, one after another.
        input_shape: (height, width, channels) of the images that it was trained on.
        features: name of the layer whose output ``(N, F)`` are the features.
        classes: names of the classes, where the last layer's output is logits ``(N, K)``; else ().

    Raises:
        ConfigError: a layer of another type, no such layer, outputs of other shapes. The network is
        run once, on one image, to find that out.
    """

    def __init__(
        self,
        network: nn.Sequential,
        *,
        input_shape: tuple[int, int, int],
        features: str,
        classes: Sequence[str] = (),
    ) -> None:
        self.network, self.input_shape = network, tuple(input_shape)
        self.features, self.classes = features, tuple(classes)
        self._names = [name for name, _ in network.named_children()]
        if features not in self._names:
            raise unknown("layer for features", features, self._names)
        for name, layer in network.named_children():
            _type_of(name, layer)
        network.eval()
        self._dry_run()

    def __call__(self, images: Array) -> tuple[Array, Array | None]:
        """Features float32 ``(N, F)`` and logits float32 ``(N, K)``, or None without classes.

        Images of another size, or grey ones where the network takes RGB (and the other way round),
        are first brought to ``input_shape`` by `pygan.data.adapt`. Row i depends on image i alone,
        to the bit, on any number of threads.

        Args:
            images: uint8 ``(N, H, W, C)``, N at least 1.

        Raises:
            DTypeError, ShapeError: other images. NonFiniteError: the features are not finite.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise DTypeError(f"a feature network takes uint8 images, got {images.dtype}")
        if images.ndim != 4 or 0 in images.shape or images.shape[3] not in (1, 3):
            raise ShapeError(f"a feature network takes (N, H, W, 1 or 3), got {images.shape}")
        height, width, channels = self.input_shape
        images = adapt(images, (height, width), channels)
        count = len(images)
        found: list[Array] = []
        logits: list[Array] = []
        for i in range(0, count, _CHUNK):
            chunk = images[i : i + _CHUNK]
            full = np.zeros((_CHUNK, *self.input_shape), np.uint8)
            full[: len(chunk)] = chunk
            x, y = self._run(to_float(full))
            found.append(x[: len(chunk)])
            logits.append(y[: len(chunk)])
        features = np.concatenate(found)
        if not np.isfinite(features).all():
            raise NonFiniteError("the feature network makes features that are not finite")
        return features, np.concatenate(logits) if self.classes else None

    def _run(self, images: Array) -> tuple[Array, Array]:
        """Outputs of the feature layer and of the last one."""
        with pg.no_grad():
            x = pg.tensor(images)
            found = x
            for name, layer in self.network.named_children():
                try:
                    x = layer(x)
                except Error as error:
                    raise ConfigError(f"layer {name!r} of the feature network: {error}") from None
                if name == self.features:
                    found = x
        return found.numpy(), x.numpy()

    def _dry_run(self) -> None:
        features, logits = self._run(np.zeros((1, *self.input_shape), np.float32))
        if features.ndim != 2:
            raise ConfigError(
                f"layer {self.features!r} must give (N, F) for features, not (N, "
                f"{', '.join(map(str, features.shape[1:]))}); put a flatten or "
                "global_avg_pool before it"
            )
        if self.classes and logits.shape != (1, len(self.classes)):
            raise ConfigError(
                f"the feature network names {len(self.classes)} classes, but its last layer "
                f"gives {logits.shape[1:]} for an image"
            )

    def save(self, path: str | Path) -> None:
        """Write the file that :meth:`load` reads; equal networks are equal files.

        Raises CheckpointError: the disk refuses; what stood at ``path`` still stands.
        """
        from pygan.train.files import write_atomic

        write_atomic(Path(path), [self.encode()])

    def encode(self) -> bytes:
        """The bytes of the file that :meth:`save` writes."""
        layers = []
        for name, layer in self.network.named_children():
            kind = _type_of(name, layer)
            settings = {key: getattr(layer, key) for key in _LAYERS[kind][1]}
            layers.append({"name": name, "type": kind, **settings})
        about: dict[str, Any] = {"input": list(self.input_shape), "layers": layers}
        about["features"] = self.features
        if self.classes:
            about["classes"] = list(self.classes)
        tensors = {
            name: np.ascontiguousarray(tensor.numpy(), np.float32)
            for name, tensor in self.network.state_dict().items()
            if not name.endswith(".num_batches_tracked")
        }
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "network": json.dumps(about, separators=(",", ":")),
        }
        # Not safetensors.save: it writes the entries of __metadata__ in a random order.
        header: dict[str, Any] = {"__metadata__": metadata}
        offset = 0
        for name in sorted(tensors):
            shape, size = list(tensors[name].shape), tensors[name].nbytes
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        parts = [tensors[name].astype("<f4").tobytes() for name in sorted(tensors)]
        return b"".join([len(text).to_bytes(8, "little"), text, *parts])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of :meth:`encode`, hexadecimal."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def load(cls, path: str | Path) -> FeatureNetwork:
        """The network in a file. Raises ConfigError, naming the file and what is wrong with it."""
        path = Path(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ConfigError(f"is larger than {_MAX_BYTES >> 30} GiB")
            return cls.decode(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"cannot read features {path}: {error.strerror}") from None
        except ConfigError as error:
            raise ConfigError(f"features {path}: {error}") from None

    @classmethod
    def decode(cls, content: bytes) -> FeatureNetwork:
        """The network in the bytes of a file. Raises ConfigError."""
        tensors, about = _parts(content)
        layers: dict[str, nn.Module] = {}
        with nn.init.deferred():
            for number, entry in enumerate(about["layers"]):
                name, layer = _layer(entry, number, tensors)
                if name in layers:
                    raise ConfigError(f"two layers are called {name!r}")
                layers[name] = layer
        if tensors:
            more = f" and {len(tensors) - 1} more" if len(tensors) > 1 else ""
            raise ConfigError(f"no layer uses the tensor {min(tensors)!r}{more}")
        return cls(
            nn.Sequential(layers),
            input_shape=tuple(about["input"]),
            features=about["features"],
            classes=about["classes"],
        )


def _parts(content: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors, and the description with its outer structure checked."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"not a safetensors file that can be read ({reason:.80})") from None
    if metadata.get("format") != FORMAT:
        raise ConfigError(
            "has weights, but no description of the network (__metadata__ format "
            f"{FORMAT!r}); write it with pygan.metrics.FeatureNetwork(...).save"
        )
    if metadata.get("version") != VERSION:
        raise ConfigError(
            f"has version {metadata.get('version')!r:.20}, this pygan reads {VERSION!r}"
        )
    try:
        about = json.loads(metadata.get("network", ""))
    except (ValueError, RecursionError):
        raise ConfigError("its description 'network' is not JSON") from None
    if not isinstance(about, dict):
        raise ConfigError("its description 'network' is not a JSON object")
    for key in about:
        if key not in ("input", "layers", "features", "classes"):
            raise unknown("entry of 'network'", key, ("input", "layers", "features", "classes"))
    shape = about.get("input")
    if not (
        isinstance(shape, list)
        and len(shape) == 3
        and all(type(n) is int and 1 <= n <= 4096 for n in shape)
        and shape[2] in (1, 3)
    ):
        raise ConfigError(f"'input' must be [height, width, 1 or 3], not {shape!r:.60}")
    layers = about.get("layers")
    if not isinstance(layers, list) or not layers:
        raise ConfigError("'layers' must be a list of at least one layer")
    if not isinstance(about.get("features"), str):
        raise ConfigError("'features' must be the name of a layer")
    classes = about.setdefault("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ConfigError("'classes' must be a list of names")
    return tensors, about


def _type_of(name: str, layer: nn.Module) -> str:
    for kind, (cls, _) in _LAYERS.items():
        if type(layer) is cls:
            return kind
    raise ConfigError(
        f"layer {name!r} is a {type(layer).__name__}; a feature network is made of "
        f"{', '.join(_LAYERS)}"
    )


def _layer(entry: Any, number: int, tensors: dict[str, Array]) -> tuple[str, nn.Module]:
    """The layer that an entry describes; it takes its tensors out of ``tensors``."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ConfigError(f"layer {number} has no name")
    name, kind = entry["name"], entry.get("type")
    if not isinstance(kind, str) or kind not in _LAYERS:
        raise unknown(f"type of layer {name!r}", str(kind), _LAYERS)
    known = _LAYERS[kind][1]
    settings = {key: value for key, value in entry.items() if key not in ("name", "type")}
    for key, value in settings.items():
        if key not in known:
            what = f"setting of layer {name!r} ({kind})"
            raise unknown(what, key, known) if known else ConfigError(f"unknown {what}: {key!r}")
        _check_setting(name, key, value)
    taken = {
        key.removeprefix(f"{name}."): tensors.pop(key)
        for key in list(tensors)
        if key.rpartition(".")[0] == name
    }
    layer = _made(name, kind, settings, taken)
    state = layer.state_dict()
    for key, own in state.items():
        if key == "num_batches_tracked":
            continue
        new = taken.pop(key, None)
        if new is None:
            raise ConfigError(f"layer {name!r} ({kind}) has no tensor {name}.{key}")
        if new.shape != own.shape:
            raise ConfigError(f"{name}.{key} has shape {new.shape}, {kind} needs {own.shape}")
        if new.dtype not in (np.float32, np.float64, np.float16):
            raise ConfigError(f"{name}.{key} has dtype {new.dtype}, not float32")
        if not np.isfinite(new).all():
            raise ConfigError(f"{name}.{key} has values that are not finite")
        own.assign_(np.ascontiguousarray(new, np.float32))
    if taken:
        raise ConfigError(f"layer {name!r} ({kind}) has no use for the tensor {name}.{min(taken)}")
    return name, layer


def _check_setting(name: str, key: str, value: Any) -> None:
    if key in ("eps", "negative_slope"):
        good = type(value) in (int, float) and math.isfinite(value)
    elif key == "groups":
        good = type(value) is int
    else:
        pair = value if isinstance(value, list) else [value, value]
        good = len(pair) == 2 and all(type(n) is int for n in pair)
    if not good:
        raise ConfigError(f"{key} of layer {name!r} cannot be {value!r:.40}")


def _made(
    name: str, kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Array]
) -> nn.Module:
    """A layer of the extents that its tensors have."""
    if kind in ("conv2d", "linear"):
        weight = tensors.get("weight")
        rank = 4 if kind == "conv2d" else 2
        if weight is None:
            raise ConfigError(f"layer {name!r} ({kind}) has no tensor {name}.weight")
        if weight.ndim != rank or 0 in weight.shape:
            raise ConfigError(
                f"{name}.weight has shape {weight.shape}, {kind} needs {rank} dimensions"
            )
        if kind == "linear":
            return nn.Linear(*weight.shape, bias="bias" in tensors)
        height, width, inner, outer = weight.shape
        channels = inner * settings.get("groups", 1)
        return nn.Conv2d(channels, outer, (height, width), bias="bias" in tensors, **settings)
    if kind == "batch_norm":
        mean = tensors.get("running_mean")
        if mean is None or mean.ndim != 1 or mean.size == 0:
            raise ConfigError(f"layer {name!r} ({kind}) has no tensor {name}.running_mean (C,)")
        affine = "weight" in tensors or "bias" in tensors
        return nn.BatchNorm(mean.size, affine=affine, **settings)
    return _LAYERS[kind][0](**settings)
