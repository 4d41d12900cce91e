"""Parquet files with a column of encoded images (extra: ``pip install 'pygan[parquet]'``)."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pygan.data.dataset import Dataset
from pygan.data.decoding import MAX_ENCODED, Picture, decode, shown
from pygan.errors import ConfigError, DataError

LABELS = ("label", "labels", "fine_label", "class", "target")


def is_parquet(path: Path) -> bool:
    """Whether ``path`` is a .parquet file, or a folder that holds some."""
    if path.is_dir():
        return any(path.glob("*.parquet"))
    return path.is_file() and path.suffix.lower() == ".parquet"


def load_parquet(path: Path, size: tuple[int, int], channels: int | None) -> Dataset:
    """The images of a Parquet file, or of all those in a folder in the order of their names.

    The column of images is the first that holds bytes, or structures with a field ``bytes`` (the
    usual form of published image sets). Labels are the column called label, labels, fine_label,
    class or target, where it holds integers.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: damaged, or no column of images.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError(
            f"reading {shown(path)} needs pyarrow: pip install 'pygan[parquet]'"
        ) from None
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    pictures: list[Picture] = []
    labels: list[np.ndarray] = []
    for file in files:
        try:
            table = pq.read_table(file)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())[:160]
            raise DataError(f"{shown(file.name)} is damaged or no Parquet: {reason}") from None
        column = _image_column(table.schema, pa)
        if column is None:
            raise DataError(
                f"{shown(file.name)} has no column of encoded images (bytes, or a structure with "
                f"bytes); its columns: {', '.join(shown(n) for n in table.column_names)}"
            )
        values = table.column(column)
        for row, value in enumerate(values):
            name = f"{shown(file.name)} row {row}"
            pictures.append(Picture(name, partial(_read, value)))
        label = next((n for n in LABELS if n in table.column_names), None)
        if label is not None and pa.types.is_integer(table.schema.field(label).type):
            numbers = table.column(label)
            if numbers.null_count == 0:
                labels.append(numbers.to_numpy().astype(np.int64))
    if not pictures:
        raise DataError(f"{shown(path)} has no rows")
    every = np.concatenate(labels) if labels else None
    if every is not None and len(every) != len(pictures):
        every = None  # only some of the files have labels
    return decode(
        pictures,
        size,
        channels,
        where=f"in {shown(path)}",
        name=shown(path.resolve().name),
        labels=every,
    )


def _image_column(schema: Any, pa: Any) -> str | None:
    for field in schema:
        inner = field.type
        if pa.types.is_struct(inner) and inner.get_field_index("bytes") >= 0:
            inner = inner.field("bytes").type
        if pa.types.is_binary(inner) or pa.types.is_large_binary(inner):
            return str(field.name)
    return None


def _read(value: Any) -> BinaryIO:
    content = value.as_py()
    if isinstance(content, dict):
        content = content["bytes"]
    if content is None:
        raise DataError("no bytes in this row")
    if len(content) > MAX_ENCODED:
        raise DataError(f"longer than {MAX_ENCODED >> 20} MB")
    return io.BytesIO(content)
