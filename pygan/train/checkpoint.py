"""Checkpoints: one safetensors file that is either whole and right, or refused.

The file is plain safetensors, so any reader of that format opens it: eight bytes with the length of
a JSON header, the header, and the tensors' bytes. Nothing in it is ever executed. On top of the
format stand three promises:

- *State only.* ``__metadata__`` holds ``format_version`` and ``state``, the JSON of everything
  that is not an array. No clock time and no path goes in: equal states are equal files, byte for
  byte.
- *Verified.* The uint8 tensor ``__checksums__`` holds the SHA-256 of the header and then that of
  each other tensor's bytes, in the header's order. :func:`read` checks the structure, the exact
  length and every digest before it returns anything; a flipped bit or a missing byte anywhere is
  an error.
- *Atomic.* :func:`write` never leaves half a file under the final name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import CheckpointError
from pygan.train.files import write_atomic

__all__ = ["FORMAT_VERSION", "Checkpoint", "decode", "digest", "encode", "read", "write"]

FORMAT_VERSION = 1
CHECKSUMS = "__checksums__"
METADATA = "__metadata__"
DIGEST_SIZE = 32
MAX_HEADER = 100_000_000  # the limit of the format's own library
MAX_DIMENSIONS = 32  # of every version of NumPy
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

Array = NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: arrays by name and a JSON-able state."""

    tensors: dict[str, Array]
    state: dict[str, Any]


def digest(tensors: Mapping[str, Array]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in the order of the names; hexadecimal."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(_data(array))
    return total.hexdigest()


def encode(tensors: Mapping[str, Array], state: Mapping[str, Any]) -> list[bytes | memoryview]:
    """The file's bytes, in pieces: equal arguments, in any order, give equal bytes."""
    arrays: dict[str, Array] = {}
    for name, value in tensors.items():
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        if name in (CHECKSUMS, METADATA):
            raise CheckpointError(f"a tensor cannot be called {name}: the name is reserved")
        if array.dtype not in NAMES:
            raise CheckpointError(f"tensor {name} has dtype {array.dtype}, which cannot be saved")
        arrays[name] = array
    # Wide elements first keeps every tensor aligned to its element size.
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    entries: dict[str, Any] = {}
    offset = 0
    for name in order:
        array = arrays[name]
        entries[name] = _entry(array.dtype, array.shape, offset)
        offset += array.nbytes
    entries[CHECKSUMS] = _entry(DTYPES["U8"], (DIGEST_SIZE * (1 + len(order)),), offset)
    header = _header(state, entries)
    digests = [hashlib.sha256(header).digest()]
    digests += [hashlib.sha256(_data(arrays[name])).digest() for name in order]
    return [header, *(_data(arrays[name]) for name in order), b"".join(digests)]


def write(path: Path, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
    """Save to ``path`` atomically and durably. Raises CheckpointError; what was there stands."""
    write_atomic(path, encode(tensors, state))


def read(path: Path) -> Checkpoint:
    """Load ``path``, verified whole. Raises CheckpointError, naming the file and what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror}") from error
    try:
        return decode(content)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {path} {error}") from None


def decode(content: bytes) -> Checkpoint:
    """Verify the bytes of a file and return copies of what they hold. Raises CheckpointError."""
    if len(content) < 8:
        raise CheckpointError(f"is cut off: {len(content)} bytes")
    (length,) = struct.unpack_from("<Q", content)
    if length > MAX_HEADER or 8 + length > len(content):
        raise CheckpointError("is cut off or damaged: its header is longer than the file")
    header = content[: 8 + length]
    entries = _parse(header[8:])
    metadata = entries.pop(METADATA, None)
    if not isinstance(metadata, dict) or "format_version" not in metadata:
        raise CheckpointError("was not written by pygan: it has no format_version")
    # The version comes before the digests: another version may compute those differently.
    if metadata["format_version"] != str(FORMAT_VERSION):
        raise CheckpointError(
            f"has format version {str(metadata['format_version'])[:20]!r}, "
            f"this pygan reads {FORMAT_VERSION}"
        )
    data = memoryview(content)[8 + length :]
    views = _views(entries, data)
    checksums = views.pop(CHECKSUMS, None)
    if checksums is None or checksums.nbytes != DIGEST_SIZE * (1 + len(views)):
        raise CheckpointError("is damaged: its checksums are missing or of the wrong length")
    expected = checksums.tobytes()
    if hashlib.sha256(header).digest() != expected[:DIGEST_SIZE]:
        raise CheckpointError("is damaged: the checksum of its header does not match")
    for index, (name, view) in enumerate(views.items(), start=1):
        stored = expected[index * DIGEST_SIZE : (index + 1) * DIGEST_SIZE]
        if hashlib.sha256(_data(view)).digest() != stored:
            raise CheckpointError(f"is damaged: the checksum of {name} does not match")
    state = _state(metadata)
    return Checkpoint({name: view.copy() for name, view in views.items()}, state)


def _entry(dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> dict[str, Any]:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return {
        "dtype": NAMES[dtype],
        "shape": [int(n) for n in shape],
        "data_offsets": [offset, offset + size],
    }


def _header(state: Mapping[str, Any], entries: Mapping[str, Any]) -> bytes:
    """Length and JSON of the header, padded with spaces to whole eights as the format asks."""
    metadata = {"format_version": str(FORMAT_VERSION), "state": _dumps(state)}
    text = json.dumps({METADATA: metadata, **entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _dumps(state: Mapping[str, Any]) -> str:
    full = {"format_version": FORMAT_VERSION, **state}
    return json.dumps(full, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise CheckpointError("is damaged: its header is not JSON") from None
    if not isinstance(header, dict):
        raise CheckpointError("is damaged: its header is not a JSON object")
    return header


def _views(entries: Mapping[str, Any], data: memoryview) -> dict[str, Array]:
    """Arrays over ``data``, in the header's order; the entries must tile it exactly."""
    views: dict[str, Array] = {}
    position = 0
    for name, entry in entries.items():
        try:
            dtype = DTYPES[entry["dtype"]]
            shape = tuple(entry["shape"])
            start, end = entry["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"is damaged: its entry of {name[:60]} is unreadable") from None
        # Without the bounds a shape that holds a 0 could be of any size, and NumPy would refuse it.
        whole = len(shape) <= MAX_DIMENSIONS and all(
            type(n) is int and 0 <= n < 2**48 for n in (*shape, start, end)
        )
        size = dtype.itemsize
        for n in shape if whole else ():
            size *= n
        if not whole or start != position or end != start + size:
            raise CheckpointError(f"is damaged: its entry of {name[:60]} does not add up")
        if end > len(data):
            raise CheckpointError(f"is cut off: {name[:60]} ends after the file does")
        try:
            views[name] = np.frombuffer(data[start:end], dtype=dtype).reshape(shape)
        except ValueError:
            raise CheckpointError(f"is damaged: {name[:60]} has an impossible shape") from None
        position = end
    if position != len(data):
        raise CheckpointError(f"is damaged: {len(data) - position} bytes follow its last tensor")
    return views


def _state(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        state = json.loads(metadata["state"])
        version = state.pop("format_version")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise CheckpointError("is damaged: its state is not a JSON object") from None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"has format version {version!r}, this pygan reads {FORMAT_VERSION}")
    return dict(state)


def _data(array: Array) -> memoryview:
    """The array's bytes without a copy; an empty array has none."""
    if array.size == 0:
        return memoryview(b"")
    return array.reshape(-1).view(np.uint8).data
