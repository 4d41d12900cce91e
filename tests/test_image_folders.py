"""Folders of images: what is read, what is refused, and how it is said."""

import io
import logging
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pygan import data
from pygan.errors import (
    ConfigError,
    DataError,
)

ROOT = Path(__file__).resolve().parent.parent


def picture(rng, height, width, mode="RGB"):
    """A random image of a mode."""
    bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = rng.integers(0, 256, (height, width, bands), np.uint8)
    return Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode if bands == 4 else None)


def fill(folder, count, mode="L", size=(12, 10), suffix="png", start=0):
    rng = np.random.default_rng(start)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(start, start + count):
        picture(rng, *size, mode).save(folder / f"{k:03d}.{suffix}")


def test_folder_of_mixed_sizes_formats_and_colours(tmp_path, caplog):
    fill(tmp_path / "a", 4, "L", (40, 30))
    fill(tmp_path / "b" / "deeper", 4, "RGB", (20, 50), "jpg", start=10)
    fill(tmp_path, 1, "RGB", (9, 9), "webp", start=20)
    fill(tmp_path, 1, "RGB", (300, 200), "BMP", start=30)
    fill(tmp_path, 1, "RGB", (30, 30), "tif", start=40)
    fill(tmp_path, 1, "L", (30, 30), "gif", start=50)
    (tmp_path / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (tmp_path / "notes.txt").write_text("not an image, not looked at")
    fill(tmp_path / ".cache", 1)
    (tmp_path / "a" / "._000.png").write_bytes(b"macOS resource fork")
    with caplog.at_level(logging.WARNING):
        d = data.load(tmp_path, image_size=(16, 24))
    assert d.image_shape == (16, 24, 3)
    assert len(d.images) == 11
    assert len(d.held_out) == 1
    assert d.labels is None
    assert [path for path, _ in d.skipped] == [os.path.join("b", "broken.png")]
    assert len(caplog.records) == 1
    assert "broken.png" in caplog.text


def test_folder_order_is_sorted_and_the_same_every_time(tmp_path):
    for k in (7, 3, 11, 0, 5):
        value = np.full((8, 8), 10 * k, np.uint8)
        Image.fromarray(value).save(tmp_path / f"{k:02d}.png")
    d = data.image_folder(tmp_path, 8)
    held = data.held_out_indices(5)
    assert d.held_out[:, 0, 0, 0].tolist() == [np.array([0, 30, 50, 70, 110])[held[0]]]
    assert d.images[:, 0, 0, 0].tolist() == [0, 30, 70, 110]
    assert d.image_shape == (8, 8, 1)  # all grey stays grey
    again = data.image_folder(tmp_path, 8)
    np.testing.assert_array_equal(again.images, d.images)


def test_more_files_than_one_chunk_keep_their_order(tmp_path):
    for k in range(300):
        value = np.array([[k % 256, k // 256]], np.uint8)
        Image.fromarray(value).save(tmp_path / f"{k:03d}.png")
    d = data.image_folder(tmp_path, (1, 2))
    numbers = d.images[:, 0, 0, 0].astype(int) + 256 * d.images[:, 0, 1, 0].astype(int)
    held = set(data.held_out_indices(300).tolist())
    assert numbers.tolist() == [k for k in range(300) if k not in held]


def test_centre_crop_and_scale(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10], wide[:, 10:20], wide[:, 20:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "wide2.png")
    d = data.image_folder(tmp_path, (10, 10))
    for image in (d.images[0], d.held_out[0]):  # the middle third, untouched by resampling
        assert (image == (0, 255, 0)).all()
    large = data.image_folder(tmp_path, (40, 40)).images[0]
    assert (large[5:-5, 5:-5] == (0, 255, 0)).all()


def test_shrinking_is_antialiased(tmp_path):
    stripes = np.tile(np.array([[0, 255]], np.uint8), (64, 32))
    for name in "ab":
        Image.fromarray(stripes).save(tmp_path / f"{name}.png")
    small = data.image_folder(tmp_path, (8, 8)).images[0].astype(int)
    assert np.abs(small - 127.5).max() < 8  # nearest neighbours would give 0 or 255


def test_modes_become_what_an_eye_sees(tmp_path):
    def decode(image, suffix="png", **save):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name in "ab":
            image.save(folder / f"{name}.{suffix}", **save)
        image = data.image_folder(folder, (4, 4)).images[0]
        return image[0, 0].tolist()

    assert decode(Image.new("L", (4, 4), 77)) == [77]
    assert decode(Image.new("1", (4, 4), 1)) == [255]
    assert decode(Image.new("RGBA", (4, 4), (10, 20, 30, 0))) == [255, 255, 255]
    assert decode(Image.new("RGBA", (4, 4), (10, 20, 30, 255))) == [10, 20, 30]
    assert decode(Image.new("LA", (4, 4), (0, 51))) == [204]
    deep = Image.fromarray(np.full((4, 4), 65535, np.uint16))
    assert decode(deep) == [255]
    assert decode(Image.fromarray(np.full((4, 4), 257 * 9 + 120, np.uint16))) == [9]
    assert decode(Image.new("CMYK", (4, 4), (255, 0, 0, 0)), "tif") == [0, 255, 255]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert decode(palette) == [200, 100, 50]
    assert decode(palette, transparency=1) == [255]
    palette.putpalette([0, 0, 0, 99, 99, 99])
    assert decode(palette) == [99]
    assert decode(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3)) == [255] * 3
    first = Image.new("L", (4, 4), 10)
    frames = [Image.new("L", (4, 4), 200)]
    assert decode(first, "gif", save_all=True, append_images=frames) == [10]


def test_exif_orientation_is_applied(tmp_path):
    tall = np.zeros((8, 4, 3), np.uint8)
    tall[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise: the white half comes to the right
    for name in "ab":
        Image.fromarray(tall).save(tmp_path / f"{name}.png", exif=exif)
    image = data.image_folder(tmp_path, (4, 8)).images[0, :, :, 0]
    assert (image[:, 4:] == 255).all()
    assert (image[:, :4] == 0).all()


def test_channels_can_be_asked_for(tmp_path):
    fill(tmp_path / "rgb", 3, "RGB")
    fill(tmp_path / "grey", 3, "L")
    rgb = data.image_folder(tmp_path / "rgb", (12, 10))
    grey = data.image_folder(tmp_path / "rgb", (12, 10), channels=1)
    assert grey.image_shape == (12, 10, 1)
    luma = rgb.images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey.images[..., 0] - luma).max() <= 1
    wide = data.image_folder(tmp_path / "grey", (12, 10), channels=3)
    assert wide.image_shape == (12, 10, 3)
    assert (wide.images == data.image_folder(tmp_path / "grey", (12, 10)).images).all()


def bomb(side):
    """A PNG of a few hundred bytes whose header claims side x side pixels."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_hostile_files_are_named_and_skipped(tmp_path):
    fill(tmp_path, 4)
    good = io.BytesIO()
    picture(np.random.default_rng(0), 40, 40).save(good, "JPEG")
    bad = {
        "empty.png": b"",
        "truncated.jpg": good.getvalue()[:-200],
        "large-bomb.png": bomb(60_000),
        "small-bomb.png": bomb(10_000),
        "text.gif": b"hello",
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(np.zeros((5, 5), np.float32)).save(tmp_path / "floating.tif")
    os.mkfifo(tmp_path / "pipe.png")  # opening it would block for ever
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    d = data.image_folder(tmp_path, 12)
    reasons = dict(d.skipped)
    assert set(reasons) == {*bad, "floating.tif", "pipe.png", "gone.png"}
    assert "bomb" in reasons["large-bomb.png"]
    assert "bomb" in reasons["small-bomb.png"]
    assert "truncated" in reasons["truncated.jpg"]
    assert "floating-point" in reasons["floating.tif"]
    assert len(d.images) + len(d.held_out) == 4


def test_a_name_with_a_line_break_stays_one_line(tmp_path, caplog):
    fill(tmp_path, 3)
    (tmp_path / "two\nlines\x1b[31m.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        d = data.image_folder(tmp_path, 12)
    assert d.skipped[0][0] == "two\\nlines\\x1b[31m.png"
    assert "\n" not in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("good", "bad", "fine"), [(3, 10, True), (3, 11, False), (135, 15, True), (134, 16, False)]
)
def test_quota_of_damaged_files(tmp_path, good, bad, fine):
    fill(tmp_path, good, size=(2, 2))
    for k in range(bad):
        (tmp_path / f"bad{k}.png").write_bytes(b"")
    if fine:
        assert len(data.image_folder(tmp_path, 2).skipped) == bad
    else:
        with pytest.raises(DataError, match=f"^{bad} of the first") as caught:
            data.image_folder(tmp_path, 2)
        assert "\n" not in str(caught.value)


def test_warnings_about_many_files_are_summed_up(tmp_path, caplog):
    fill(tmp_path, 270, size=(2, 2))
    for k in range(25):
        (tmp_path / f"bad{k}.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        data.image_folder(tmp_path, 2)
    assert len(caplog.records) == 21
    assert "skipped 5 more; in all 25 of 295" in caplog.text


def test_what_is_no_folder_of_images_gets_one_clear_line(tmp_path):
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "one", 1)
    (tmp_path / "file.xyz").write_text("?")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"")
    cases = {
        tmp_path / "missing": "no such file or folder",
        tmp_path / "empty": "no images below",
        tmp_path / "one": "only 1 usable image",
        tmp_path / "bad": "no usable image .* x.png: not an image",
        tmp_path / "file.xyz": "nothing that pygan can read; supported: .*a folder of images",
        "": "the data path is empty",
    }
    for path, message in cases.items():
        with pytest.raises(DataError, match=message) as caught:
            data.load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such folder"):
        data.image_folder(tmp_path / "missing")
    with pytest.raises(DataError, match="is not a folder"):
        data.image_folder(tmp_path / "file.xyz")


@pytest.mark.parametrize("size", [0, (28,), (0, 5), (28.0, 28.0), (5000, 5), (1, 2, 3)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="image_size"):
        data.load(None, size)


def test_load_without_a_path_resizes_the_embedded_set():
    d = data.load(None, (16, 20), channels=3)
    assert d.image_shape == (16, 20, 3)
    assert d.held_out.shape == (1000, 16, 20, 3)
    assert (d.images[..., 0] == d.images[..., 2]).all()
    np.testing.assert_array_equal(data.load().images, data.embedded().images)
    with pytest.raises(ConfigError, match="channels"):
        data.load(None, channels=2)


def test_importing_stays_light():
    """Pillow and thread pools are loaded when something is decoded, not before."""
    code = (
        "import sys, pygan.data, pygan.metrics;"
        "heavy = {'PIL', 'concurrent.futures.thread'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
