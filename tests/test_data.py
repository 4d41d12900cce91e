"""pygan.data: the embedded set, arrays, and the order of batches."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pygan import data
from pygan.data import fashion
from pygan.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DTypeError,
    Error,
    NonFiniteError,
    ShapeError,
)

ROOT = Path(__file__).resolve().parent.parent


# --- errors ------------------------------------------------------------------------------------


def test_exit_codes_and_builtin_bases():
    import pygan.errors as errors

    table = {
        "ConfigError": (2, ValueError),
        "ShapeError": (2, ValueError),
        "DTypeError": (2, TypeError),
        "DataError": (3, ValueError),
        "CheckpointError": (4, RuntimeError),
        "DeviceError": (5, RuntimeError),
        "EmulatorError": (5, RuntimeError),
        "OutOfMemoryError": (5, MemoryError),
        "NonFiniteError": (6, FloatingPointError),
        "CollapseError": (7, Exception),
    }
    assert set(errors.__all__) == {*table, "Error"}
    for name, (code, base) in table.items():
        cls = getattr(errors, name)
        assert issubclass(cls, Error)
        assert issubclass(cls, base)
        assert cls.exit_code == code
        assert cls("why").exit_code == code


# --- the embedded set --------------------------------------------------------------------------


def test_embedded_is_balanced_and_complete():
    d = data.embedded()
    assert d.images.shape == (6000, 28, 28, 1)
    assert d.held_out.shape == (1000, 28, 28, 1)
    assert d.images.dtype == d.held_out.dtype == np.uint8
    assert np.bincount(d.labels).tolist() == [600] * 10
    assert np.bincount(d.held_out_labels).tolist() == [100] * 10
    assert d.labels.dtype == np.int64
    assert d.images.flags.writeable
    assert d.skipped == []
    assert d.image_shape == (28, 28, 1)
    assert len(d) == 6000


def test_embedded_parts_share_no_image_and_labels_belong_to_images():
    d = data.embedded()
    seen = {image.tobytes() for image in d.images}
    assert not any(image.tobytes() in seen for image in d.held_out)
    # Labels shifted against images would make class means meaningless: nearest class mean must
    # be right far more often than chance (0.1); it is about 0.68.
    means = np.stack([d.images[d.labels == k].mean(axis=0) for k in range(10)])
    distance = np.square(d.held_out[:, None].astype(np.float32) - means).sum(axis=(2, 3, 4))
    assert np.mean(distance.argmin(axis=1) == d.held_out_labels) > 0.6


def test_embedded_calls_share_nothing():
    first = data.embedded()
    first.images[:] = 0
    assert data.embedded().images.any()


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "other"])
def test_embedded_damage_is_a_data_error(tmp_path, monkeypatch, damage):
    raw = fashion.PATH.read_bytes()
    path = tmp_path / "damaged.gz"
    if damage == "flipped":
        path.write_bytes(raw[:1000] + bytes([raw[1000] ^ 1]) + raw[1001:])
    elif damage == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif damage == "other":  # a valid gzip stream of other bytes: only the digest can tell
        content = bytearray(gzip.decompress(raw))
        content[5] ^= 1
        path.write_bytes(gzip.compress(bytes(content), 1))
    monkeypatch.setattr(fashion, "PATH", path)
    with pytest.raises(DataError, match="reinstall pygan") as caught:
        data.embedded()
    assert "\n" not in str(caught.value)


def test_embedded_file_is_what_the_script_builds(tmp_path):
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("needs Debian's dataset-fashion-mnist")
    out = tmp_path / "built.gz"
    script = ROOT / "tools" / "build_embedded_data.py"
    run = subprocess.run(
        [sys.executable, script, "--out", out], capture_output=True, text=True, check=True
    )
    assert gzip.decompress(out.read_bytes()) == gzip.decompress(fashion.PATH.read_bytes())
    assert fashion.SHA256 in run.stdout


def test_licence_lies_beside_the_data():
    text = fashion.PATH.with_name("LICENSE.fashion-mnist").read_text()
    assert "MIT License" in text
    assert "Zalando SE" in text


# --- bytes and floats --------------------------------------------------------------------------


def test_every_byte_survives_the_round_trip():
    u = np.arange(256, dtype=np.uint8)
    x = data.to_float(u)
    assert x.dtype == np.float32
    assert (x[0], x[255]) == (-1.0, 1.0)
    np.testing.assert_array_equal(data.to_uint8(x), u)
    np.testing.assert_array_equal(data.to_uint8(x.astype(np.float64)), u)


def test_to_uint8_rounds_halves_up_and_clips():
    halves = (np.arange(255) + 0.5) / 127.5 - 1  # float64: within 1e-13 of k + 1/2
    np.testing.assert_array_equal(data.to_uint8(halves + 1e-9), np.arange(1, 256))
    np.testing.assert_array_equal(data.to_uint8(halves - 1e-9), np.arange(0, 255))
    assert data.to_uint8(np.zeros(1, np.float32)) == 128  # exactly 127.5
    x = np.array([-np.inf, -7, 1.0001, np.inf], np.float32)
    assert data.to_uint8(x).tolist() == [0, 0, 255, 255]


def test_conversions_refuse_what_they_cannot_mean():
    with pytest.raises(DTypeError, match="int64"):
        data.to_float(np.zeros(3, np.int64))
    with pytest.raises(DTypeError, match="uint8"):
        data.to_uint8(np.zeros(3, np.uint8))
    with pytest.raises(NonFiniteError, match="1 NaN"):
        data.to_uint8(np.array([0, np.nan], np.float32))


# --- Dataset and arrays ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 9, 10, 11, 25, 199, 20001])
def test_held_out_is_a_spread_tenth(count):
    held = data.held_out_indices(count)
    assert len(held) == min(1000, max(1, count // 10))
    assert held[0] >= 0
    assert held[-1] < count
    if len(held) > 1:
        gaps = np.diff(held)
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1


def test_split_loses_nothing_and_keeps_order():
    images = np.arange(45, dtype=np.uint8).reshape(45, 1, 1, 1)
    labels = np.arange(45, dtype=np.int64) * 2
    d = data.split(images.copy(), labels)
    held = data.held_out_indices(45)
    assert d.held_out.ravel().tolist() == held.tolist()
    assert d.images.ravel().tolist() == [k for k in range(45) if k not in set(held.tolist())]
    assert d.labels.tolist() == (2 * d.images.ravel().astype(int)).tolist()
    assert d.held_out_labels.tolist() == (2 * held).tolist()


def test_from_array_takes_bytes_and_floats_and_copies():
    rng = np.random.default_rng(0)
    u = rng.integers(0, 256, (20, 5, 6), np.uint8)
    before = u.copy()
    d = data.from_array(u, np.arange(20, dtype=np.uint8))
    assert d.images.shape == (18, 5, 6, 1)
    assert d.labels.dtype == np.int64
    np.testing.assert_array_equal(u, before)
    f = data.from_array(data.to_float(u[..., None]))
    np.testing.assert_array_equal(f.images, d.images)
    np.testing.assert_array_equal(f.held_out, d.held_out)


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [
        (np.zeros((1, 4, 4, 1), np.uint8), None, DataError),
        (np.full((4, 4, 4, 1), 200.0), None, DataError),
        (np.zeros((4, 4, 4, 2), np.uint8), None, ShapeError),
        (np.zeros((4, 4), np.uint8), None, ShapeError),
        (np.zeros((4, 4, 4, 1), np.int32), None, DTypeError),
        (np.full((4, 4, 4, 1), np.nan), None, NonFiniteError),
        (np.zeros((4, 4, 4, 1), np.uint8), np.zeros(3, int), ShapeError),
        (np.zeros((4, 4, 4, 1), np.uint8), np.zeros(4), DTypeError),
    ],
)
def test_from_array_refuses(images, labels, error):
    with pytest.raises(error):
        data.from_array(images, labels)


def test_dataset_refuses_parts_that_do_not_match():
    a, b = np.zeros((3, 4, 4, 1), np.uint8), np.zeros((3, 4, 5, 1), np.uint8)
    with pytest.raises(ShapeError, match="held_out is"):
        data.Dataset(images=a, held_out=b)
    with pytest.raises(DTypeError, match="labels"):
        data.Dataset(images=a, held_out=a, labels=np.zeros(3, np.uint8))


# --- the order of batches ----------------------------------------------------------------------


def test_permutation_follows_its_formula():
    """Against a scalar Philox written from the paper, so that a wrong counter layout shows."""

    def philox(counter, key):
        for _ in range(10):
            p0, p1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
            counter = [
                (p1 >> 32) ^ counter[1] ^ key[0],
                p1 & 0xFFFFFFFF,
                (p0 >> 32) ^ counter[3] ^ key[1],
                p0 & 0xFFFFFFFF,
            ]
            key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
        return counter

    stream = 2166136261
    for byte in b"data.order":
        stream = ((stream ^ byte) * 16777619) & 0xFFFFFFFF
    for seed in (0, 12345678901, 2**64 - 5):
        keys = []
        for block in range(4):
            w = philox([block, 0, 3, stream], [seed & 0xFFFFFFFF, seed >> 32])
            keys += [w[0] | w[1] << 32, w[2] | w[3] << 32]
        expected = sorted(range(7), key=lambda j, keys=keys: keys[j])
        assert data.permutation(7, seed, 3).tolist() == expected


def test_permutation_depends_on_seed_draw_and_stream_only():
    base = data.permutation(100, 1, 2)
    assert sorted(base.tolist()) == list(range(100))
    assert base.tolist() == data.permutation(100, 1, 2).tolist()
    for other in ((2, 2, "data.order"), (1, 3, "data.order"), (1, 2, "data.other")):
        assert base.tolist() != data.permutation(100, *other).tolist()
    assert base.tolist() != data.permutation(100, 1 + 2**32, 2).tolist()


def test_permutations_are_uniform():
    """All 24 orders of 4 items equally often: chi-squared, 23 degrees, p = 1e-4 at 56.6."""
    drawn = [tuple(data.permutation(4, 0, e)) for e in range(2400)]
    counts = np.array([drawn.count(p) for p in set(drawn)])
    assert len(counts) == 24
    assert np.sum((counts - 100.0) ** 2 / 100) < 56.6


@pytest.mark.parametrize(("count", "batch"), [(10, 3), (10, 10), (7, 20), (1, 4), (64, 1)])
def test_each_epoch_has_every_image_once_and_every_batch_is_full(count, batch):
    order = data.BatchOrder(count, batch, seed=5)
    batches = [order.next() for _ in range(-(-3 * count // batch))]
    assert all(b.shape == (batch,) and b.dtype == np.int64 for b in batches)
    drawn = np.concatenate(batches)
    for epoch in range(3):
        part = drawn[epoch * count : (epoch + 1) * count]
        assert part.tolist() == data.permutation(count, 5, epoch).tolist()


def test_the_sequence_does_not_depend_on_the_batch_size():
    small, large = data.BatchOrder(10, 3, 1), data.BatchOrder(10, 15, 1)
    a = np.concatenate([small.next() for _ in range(10)])
    b = np.concatenate([large.next() for _ in range(2)])
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 10])
def test_resuming_continues_exactly(steps):
    order = data.BatchOrder(12, 4, seed=3)
    for _ in range(steps):
        order.next()
    state = order.state_dict()
    expected = [order.next().tolist() for _ in range(8)]
    resumed = data.BatchOrder(12, 4, seed=99)
    resumed.next()
    resumed.load_state_dict(state)
    assert [resumed.next().tolist() for _ in range(8)] == expected
    assert resumed.state_dict() == order.state_dict()


@pytest.mark.parametrize(
    "change",
    [{"cursor": 10}, {"cursor": -1}, {"epoch": -1}, {"count": 11}, {"seed": 1.0}, {"more": 1}],
)
def test_impossible_states_are_refused_and_change_nothing(change):
    order = data.BatchOrder(10, 3)
    order.next()
    before = order.state_dict()
    with pytest.raises(CheckpointError):
        order.load_state_dict(before | change)
    assert order.state_dict() == before
    with pytest.raises(CheckpointError):
        order.load_state_dict({"epoch": 0})


def test_impossible_orders_are_refused():
    with pytest.raises(DataError):
        data.BatchOrder(0, 3)
    with pytest.raises(ConfigError):
        data.BatchOrder(3, 0)
    for seed in (-1, 2**64):
        with pytest.raises(ConfigError):
            data.BatchOrder(3, 3, seed)
