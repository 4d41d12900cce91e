"""Resampling: values by hand, Pillow's filters, PyTorch's documented example; pixel_shuffle."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pygan as pg

SQUARE = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)


def line(x: list, size: int, **how: object) -> np.ndarray:
    return pg.ops.resample(pg.tensor(np.array(x, float)), 0, size, **how).numpy()


def plane(y: pg.Tensor) -> np.ndarray:
    return y.numpy()[0, :, :, 0]


def test_nearest_by_hand() -> None:
    ramp = [0, 1, 2, 3, 4]
    assert line(ramp, 10, mode="nearest").tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert line(ramp, 3, mode="nearest").tolist() == [0, 1, 3]  # floor(o 5/3)
    assert line(ramp, 3, mode="nearest-exact").tolist() == [0, 2, 4]  # floor((o + 1/2) 5/3)
    assert line(ramp, 7, mode="nearest", scale=1.5).tolist() == [0, 0, 1, 2, 2, 3, 4]


def test_upsampled_bilinear_square() -> None:
    """Input and outputs of the documentation of torch.nn.Upsample."""
    y = plane(pg.ops.upsample(pg.tensor(SQUARE), 2, mode="bilinear"))
    expected = [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5],
                [3, 3.25, 3.75, 4]]  # fmt: skip
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    y = plane(pg.ops.upsample(pg.tensor(SQUARE), 2, mode="bilinear", align_corners=True))
    thirds = np.arange(4) / 3
    np.testing.assert_allclose(y, 1 + thirds + 2 * thirds[:, None], rtol=1e-12)


def test_bicubic_impulse_response() -> None:
    """Keys' kernel with a = -3/4 at distances 1/4, 3/4, 5/4 and 7/4."""
    side = [-0.03515625, -0.10546875, 0.26171875, 0.87890625]
    y = line([0, 0, 1, 0, 0], 10, mode="bicubic")
    np.testing.assert_allclose(y, [0, *side, *side[::-1], 0], atol=1e-15)


def test_bicubic_edges_repeat_the_last_pixel() -> None:
    """o = 0 lies at -1/4: weights k(7/4) on pixel 1, the other three on pixel 0."""
    y = line([1, 0, 0, 0], 8, mode="bicubic")
    np.testing.assert_allclose(y[:2], [1 + 0.10546875, 0.87890625 - 0.10546875], atol=1e-15)


def test_bicubic_is_the_sum_over_sixteen_pixels() -> None:
    def k(d: float, a: float = -0.75) -> float:
        d = abs(d)
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    x = np.random.default_rng(0).standard_normal((1, 5, 4, 2))
    expected = np.zeros((1, 7, 3, 2))
    for i, j in np.ndindex(7, 3):
        s, t = (i + 0.5) * 5 / 7 - 0.5, (j + 0.5) * 4 / 3 - 0.5
        for p in range(int(np.floor(s)) - 1, int(np.floor(s)) + 3):
            for q in range(int(np.floor(t)) - 1, int(np.floor(t)) + 3):
                pixel = x[0, min(max(p, 0), 4), min(max(q, 0), 3)]
                expected[0, i, j] += k(s - p) * k(t - q) * pixel
    y = pg.ops.resize(pg.tensor(x), (7, 3), mode="bicubic").numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [(7, 11), (40, 9), (1, 1), (31, 64), (23, 17)], ids=str)
@pytest.mark.parametrize(
    ("mode", "theirs"),
    [("nearest-exact", "NEAREST"), ("bilinear", "BILINEAR"), ("bicubic", "BICUBIC")],
)
def test_antialias_is_pillows(mode: str, theirs: str, size: tuple) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (23, 17)).astype(np.float32)
    expected = Image.fromarray(x).resize(size[::-1], getattr(Image.Resampling, theirs))
    how = {} if mode == "nearest-exact" else {"antialias": True}
    y = pg.ops.resize(pg.tensor(x.reshape(1, 23, 17, 1)), size, mode=mode, **how)
    np.testing.assert_allclose(plane(y), np.asarray(expected), rtol=0, atol=1e-6)


def test_constants_stay_constant() -> None:
    x = pg.tensor(np.full((1, 5, 6, 3), 7.0))
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        for size in ((3, 11), 1, (50, 2)):
            y = pg.ops.resize(x, size, mode=mode).numpy()
            np.testing.assert_allclose(y, 7, rtol=1e-13)
    for mode in ("bilinear", "bicubic"):
        np.testing.assert_allclose(
            pg.ops.resize(x, (2, 9), mode=mode, antialias=True).numpy(), 7, rtol=1e-13
        )


def test_the_same_size_is_the_same_image() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3))
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        for how in ({}, {"align_corners": True}, {"antialias": True}):
            if not how or mode.startswith("bi"):
                y = pg.ops.resize(pg.tensor(x), (5, 6), mode=mode, **how).numpy()
                np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)


def test_nearest_copies_bits() -> None:
    x = np.array([np.nan, -0.0, np.inf, 1e-45], np.float32).reshape(1, 2, 2, 1)
    y = pg.ops.upsample(pg.tensor(x), 2).numpy()
    assert y.tobytes() == x.repeat(2, axis=1).repeat(2, axis=2).tobytes()


def test_pixel_shuffle_by_hand() -> None:
    x = pg.tensor(np.arange(8.0).reshape(1, 1, 1, 8))  # c r^2 + i r + j
    y = pg.ops.pixel_shuffle(x, 2).numpy()
    assert y[0, :, :, 0].tolist() == [[0, 1], [2, 3]]
    assert y[0, :, :, 1].tolist() == [[4, 5], [6, 7]]
    np.testing.assert_array_equal(pg.ops.pixel_unshuffle(pg.tensor(y), 2).numpy(), x.numpy())


ERRORS = [
    (lambda x: pg.ops.resize(x, 0), pg.ShapeError, "size must be at least 1"),
    (lambda x: pg.ops.resize(x, 1 << 30), pg.ShapeError, "at most 2"),
    (lambda x: pg.ops.resize(x[0], 3), pg.ShapeError, "resize: needs images"),
    (lambda x: pg.ops.resize(x, 3, mode="cubic"), pg.ConfigError, 'unknown mode "cubic"'),
    (lambda x: pg.ops.resize(x, 3, antialias=True), pg.ConfigError, "bilinear and bicubic"),
    (lambda x: pg.ops.resize(x, 3, mode="bilinear", antialias=True, align_corners=True),
     pg.ConfigError, "align_corners"),
    (lambda x: pg.ops.resize(x.astype("uint8"), 3), pg.DTypeError, "resample"),
    (lambda x: pg.ops.resize(x, (1, 2, 3)), pg.ShapeError, "size must be"),
    (lambda x: pg.ops.resample(x, 4, 3), pg.ShapeError, "axis 4"),
    (lambda x: pg.ops.resample(x, 1, 9, scale=2.0), pg.ShapeError, "fewer than 9"),
    (lambda x: pg.ops.resample(x, 1, 9, scale=0.0), pg.ConfigError, "scale must be positive"),
    (lambda x: pg.ops.upsample(x, 0.1), pg.ShapeError, "extent"),
    (lambda x: pg.ops.upsample(x, float("nan")), pg.ConfigError, "scale"),
    (lambda x: pg.ops.upsample(x, "two"), pg.ConfigError, "scale"),
    (lambda x: pg.ops.upsample(x, -1), pg.ConfigError, "scale"),
    (lambda x: pg.ops.pixel_shuffle(x, 2), pg.ShapeError, "multiple of 4"),
    (lambda x: pg.ops.pixel_shuffle(x, 0), pg.ShapeError, "at least 1"),
    (lambda x: pg.ops.pixel_unshuffle(x, 3), pg.ShapeError, "multiples of r = 3"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, error, text = ERRORS[case]
    with pytest.raises(error, match=text):
        call(pg.zeros((1, 4, 4, 3)))
