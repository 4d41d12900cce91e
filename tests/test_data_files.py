"""IDX, CIFAR, NPZ, ZIP and Parquet: read right, and hostile ones refused in one line."""

import gzip
import io
import logging
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pygan import data
from pygan.errors import ConfigError, DataError, OutOfMemoryError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 28, 28), np.uint8)
COLOUR = RNG.integers(0, 256, (40, 32, 32, 3), np.uint8)
LABELS = np.arange(40) % 10


def idx(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i4": 12, "f4": 13}[array.dtype.str[1:]]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def cifar(images: np.ndarray, labels: np.ndarray, coarse: bool = False) -> bytes:
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    columns = [labels.astype(np.uint8)[:, None], rows]
    if coarse:
        columns.insert(0, np.zeros((len(images), 1), np.uint8))
    return np.concatenate(columns, axis=1).tobytes()


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def everything(d: data.Dataset) -> np.ndarray:
    """Training and held-out images in the order of the file they were split from."""
    count = len(d.images) + len(d.held_out)
    out = np.empty((count, *d.image_shape), np.uint8)
    held = data.held_out_indices(count)
    out[held] = d.held_out
    out[np.setdiff1d(np.arange(count), held)] = d.images
    return out


# ---- IDX


def test_idx_folder_with_mnists_four_files(tmp_path):
    for name, images, labels in (
        ("train", GREY, LABELS.astype(np.uint8)),
        ("t10k", GREY[:7], LABELS[:7].astype(np.uint8)),
    ):
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
        # only one of the two is compressed: labels of the other name are not found
    d = data.load(tmp_path, 28)
    np.testing.assert_array_equal(d.images[..., 0], GREY)
    np.testing.assert_array_equal(d.held_out[..., 0], GREY[:7])
    assert d.labels is None
    for name in ("train", "t10k"):
        labels = tmp_path / f"{name}-labels-idx1-ubyte"
        labels.with_suffix(".gz").write_bytes(gzip.compress(labels.read_bytes()))
    d = data.load(tmp_path, 28)
    np.testing.assert_array_equal(d.labels, LABELS)
    np.testing.assert_array_equal(d.held_out_labels, LABELS[:7])


def test_idx_file_alone_holds_out_a_tenth(tmp_path):
    (tmp_path / "a.idx").write_bytes(idx(GREY))
    d = data.load(tmp_path / "a.idx", 28)
    assert (len(d.images), len(d.held_out)) == (36, 4)
    np.testing.assert_array_equal(everything(d)[..., 0], GREY)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not an IDX"),
        (b"PK\x03\x04 rather a zip", "not an IDX"),
        (idx(GREY)[:9], "cut off within its header"),
        (idx(GREY)[:-1], "but has 31,375"),
        (idx(GREY) + b"!", "but has more"),
        (gzip.compress(idx(GREY))[:-400], "damaged"),
        (idx(LABELS.astype(np.uint8)), "shape"),
        (idx(LABELS.astype(np.int32).reshape(2, 5, 4)), "int32"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 28), "GB"),
    ],
    ids=["empty", "zip", "header", "short", "long", "gzip", "labels", "int32", "huge"],
)
def test_idx_refuses(tmp_path, content, match):
    file = tmp_path / "x-images-idx3-ubyte"
    file.write_bytes(content)
    with pytest.raises((DataError, OutOfMemoryError), match=match) as error:
        data.load(file)
    assert "\n" not in str(error.value)


def test_idx_folder_with_two_training_sets_asks_for_one(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(GREY))
    with pytest.raises(DataError, match="name one file"):
        data.load(tmp_path)


# ---- CIFAR


@pytest.mark.parametrize("coarse", [False, True], ids=["cifar10", "cifar100"])
def test_cifar_folder(tmp_path, coarse):
    names = ("train.bin", "test.bin") if coarse else ("data_batch_1.bin", "test_batch.bin")
    (tmp_path / names[0]).write_bytes(cifar(COLOUR, LABELS, coarse))
    (tmp_path / names[1]).write_bytes(cifar(COLOUR[:5], LABELS[:5], coarse))
    d = data.load(tmp_path, 32)
    np.testing.assert_array_equal(d.images, COLOUR)
    np.testing.assert_array_equal(d.labels, LABELS)
    np.testing.assert_array_equal(d.held_out, COLOUR[:5])
    alone = data.load(tmp_path / names[0], 32)
    np.testing.assert_array_equal(everything(alone), COLOUR)


def test_cifar_batches_are_joined_in_order_and_scaled(tmp_path):
    for k in range(4):
        part = slice(10 * k, 10 * k + 10)
        (tmp_path / f"data_batch_{k + 1}.bin").write_bytes(cifar(COLOUR[part], LABELS[part]))
    d = data.load(tmp_path, (16, 20), channels=1)
    assert d.image_shape == (16, 20, 1)
    assert len(d.images) + len(d.held_out) == 40


@pytest.mark.parametrize("content", [b"", b"x" * 5000, cifar(COLOUR, LABELS + 50)])
def test_cifar_refuses(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(DataError, match="no CIFAR file"):
        data.load(tmp_path / "x.bin")


# ---- NPZ and NPY


def test_npz_with_a_test_part_and_labels(tmp_path):
    np.savez_compressed(
        tmp_path / "a.npz",
        x_train=COLOUR,
        y_train=LABELS[:, None],
        x_test=COLOUR[:6],
        y_test=LABELS[:6],
    )
    d = data.load(tmp_path / "a.npz", 32)
    np.testing.assert_array_equal(d.images, COLOUR)
    np.testing.assert_array_equal(d.labels, LABELS)
    np.testing.assert_array_equal(d.held_out_labels, LABELS[:6])


@pytest.mark.parametrize("fortran", [False, True])
def test_npy_of_bytes_and_floats(tmp_path, fortran):
    order = np.asfortranarray if fortran else np.ascontiguousarray
    np.save(tmp_path / "a.npy", order(GREY))
    np.save(tmp_path / "b.npy", order(data.to_float(GREY).astype(">f8")))
    for name in ("a.npy", "b.npy"):
        d = data.load(tmp_path / name, 28)
        np.testing.assert_array_equal(everything(d)[..., 0], GREY)


def test_npz_that_cannot_be_used_says_why(tmp_path):
    def refuse(match: str, error: type = DataError, **arrays: np.ndarray) -> None:
        np.savez(tmp_path / "x.npz", **arrays)
        with pytest.raises(error, match=match) as caught:
            data.load(tmp_path / "x.npz")
        assert "\n" not in str(caught.value)

    refuse("no array named .* it has pictures", pictures=GREY)
    refuse("channels last", images=COLOUR.transpose(0, 3, 1, 2))
    refuse("int64", images=GREY.astype(np.int64))
    refuse(r"from -1\.5 to", images=np.full((4, 8, 8), -1.5))
    refuse("NaN", images=np.full((4, 8, 8), np.nan))
    refuse("integers, one an image", images=GREY, labels=LABELS[:-1])
    refuse("pickled", images=np.array([{}, None], object))
    whole = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged"):
        data.load(tmp_path / "x.npz")


def test_npy_that_claims_more_than_there_is(tmp_path):
    def header(shape: tuple[int, ...]) -> bytes:
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            out, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        return out.getvalue()

    file = tmp_path / "x.npy"
    file.write_bytes(header((10**6, 10**6, 100)))
    with pytest.raises(OutOfMemoryError, match="GB"):
        data.load(file)
    file.write_bytes(header((10, 28, 28)) + b"abc")
    with pytest.raises(DataError, match="cut off: 3 of"):
        data.load(file)
    file.write_bytes(header((-1, 28, 28)))
    with pytest.raises(DataError, match="impossible shape"):
        data.load(file)


# ---- ZIP


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_zip_of_images_with_damaged_ones(tmp_path, caplog):
    members = {f"a/{k:02d}.png": png(GREY[k]) for k in range(20)}
    members |= {"a/03.png": png(GREY[3])[:60], "a/04.png": b"no image", "readme.txt": b"hello"}
    members |= {"__MACOSX/a/._01.png": b"fork", ".hidden/x.png": b"x", "a/sub/": b""}
    file = zipped(tmp_path / "x.zip", members)
    with caplog.at_level(logging.WARNING):
        d = data.load(file, 28)
    assert [name for name, _ in d.skipped] == ["a/03.png", "a/04.png"]
    kept = [k for k in range(20) if k not in (3, 4)]
    np.testing.assert_array_equal(everything(d)[..., 0], GREY[kept])
    assert len(caplog.records) == 2


def test_zip_members_that_lie_or_explode_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr("pygan.data.decoding.MAX_ENCODED", 1 << 20)
    members = {f"{k}.png": png(GREY[k]) for k in range(5)}
    file = zipped(tmp_path / "x.zip", members | {"bomb.png": b"\0" * (1 << 22)})
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first entry of the directory: say it is encrypted
    content[at + 8] |= 1
    file.write_bytes(content)
    d = data.load(file, 28)
    reasons = dict(d.skipped)
    assert reasons.keys() == {"0.png", "bomb.png"}
    assert reasons["0.png"] == "encrypted"
    assert "archive bomb" in reasons["bomb.png"]


def test_zips_that_are_none(tmp_path):
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK but no more")
    with pytest.raises(DataError, match="no ZIP"):
        data.load(file)
    with pytest.raises(DataError, match="no images in"):
        data.load(zipped(file, {"readme.txt": b"hello"}))


# ---- Parquet


def test_parquet_columns_of_bytes_and_structures(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    encoded = [png(x) for x in GREY]
    encoded[5] = b"broken"
    structures = pa.table(
        {
            "image": [{"bytes": b, "path": None} for b in encoded],
            "label": LABELS,
        }
    )
    pq.write_table(structures, tmp_path / "a.parquet")
    kept = [k for k in range(40) if k != 5]
    d = data.load(tmp_path / "a.parquet", 28)
    np.testing.assert_array_equal(everything(d)[..., 0], GREY[kept])
    assert d.skipped[0][0] == "a.parquet row 5"
    held = data.held_out_indices(39)
    np.testing.assert_array_equal(d.held_out_labels, LABELS[kept][held])
    pq.write_table(pa.table({"picture": encoded[:5]}), tmp_path / "b.parquet")
    both = data.load(tmp_path, 28)  # a folder of files, in the order of their names
    np.testing.assert_array_equal(everything(both)[..., 0], GREY[[*kept, *range(5)]])
    assert both.labels is None  # only one of the files has them


def test_parquet_that_cannot_be_used_says_why(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    file = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": [1, 2]}), file)
    with pytest.raises(DataError, match="no column of encoded images"):
        data.load(file)
    file.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="damaged or no Parquet"):
        data.load(file)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"pygan\[parquet\]"):
        data.load(tmp_path / "x.parquet")


def test_what_is_nothing_of_all_this_lists_what_can_be_read(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"?")
    with pytest.raises(DataError, match=r"IDX.*CIFAR.*npz.*Parquet.*ZIP.*folder"):
        data.load(tmp_path / "x.tar")
