"""Cases of pad, pool, resample and pixel_shuffle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.reference import resample
from pygan.testing.strategies import fill, seeds, shapes, sizes, with_layout

ALL = frozenset((0, 1, 2))


def either(pair: tuple) -> object:
    """An int where the pair's sides agree."""
    return pair[0] if pair[0] == pair[1] else pair


def draw_windows(draw: st.DrawFn, dilated: bool) -> tuple[tuple, tuple, dict]:
    """(H, W), (H', W') and the settings of a pool that fits."""
    sides = []
    for _ in range(2):
        k, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        d = draw(st.sampled_from((1, 1, 2, 3))) if dilated else 1
        p = draw(st.integers(0, k // 2)) if d == 1 else 0  # so that every window has a pixel
        out, left = draw(st.sampled_from((1, 2, 3, 5))), draw(st.integers(0, s - 1))
        size = (out - 1) * s - 2 * p + d * (k - 1) + 1 + left
        while size < 1:
            out, size = out + 1, size + s
        sides.append((size, out, k, s, p, d))
    size, out, kernel, stride, padding, dilation = zip(*sides, strict=True)
    settings = {"kernel_size": either(kernel), "padding": either(padding)}
    if stride != kernel or draw(st.booleans()):
        settings["stride"] = either(stride)
    if dilated:
        settings["dilation"] = either(dilation)
    return size, out, settings


def draw_images(draw: st.DrawFn, size: tuple, limit: int) -> tuple:
    """(N, H, W, C) of about ``limit`` elements at most"""
    n, c = draw(st.sampled_from((1, 1, 2, 3))), draw(sizes)
    while n * c > 1 and n * c * size[0] * size[1] > limit:
        n, c = max(1, n - 1), (c + 1) // 2
    return n, *size, c


def draw_avg(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    size, _, settings = draw_windows(draw, dilated=False)
    settings["count_include_pad"] = draw(st.booleans())
    return Example(values(draw, (draw_images(draw, size, limit),), dtype), settings)


def draw_avg_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    size, out, settings = draw_windows(draw, dilated=False)
    settings |= {"count_include_pad": draw(st.booleans()), "size": either(size)}
    return Example(values(draw, (draw_images(draw, out, limit // 4),), dtype), settings)


def draw_max(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Distinct values 1/8 and more apart: differences must not change the winner."""
    size, _, settings = draw_windows(draw, dilated=True)
    shape = draw_images(draw, size, limit)
    rng = np.random.default_rng(draw(seeds))
    x = rng.permutation(np.prod(shape)).reshape(shape).astype(dtype) / 8 - 2
    layout = draw(st.sampled_from(("dense", "strided", "transposed")))
    return Example((with_layout(rng, x, layout),), settings)


def draw_max_ties(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_max(draw, dtype, limit)
    if draw(st.booleans()):
        return Example(tuple(np.round(x % 3) for x in example.inputs), example.hyper)
    return example


def draw_pixels(draw: st.DrawFn, dtype: str, limit: int, put: bool) -> Example:
    size, out = (tuple(draw(st.integers(1, 6)) for _ in range(2)) for _ in range(2))
    n, _, _, c = draw_images(draw, (max(size[0], out[0]), max(size[1], out[1])), limit)
    rng = np.random.default_rng(draw(seeds))
    index = rng.integers(0, size[0] * size[1], (n, *out, c))
    if put:
        return Example((fill(rng, index.shape, dtype), index), {"size": either(size)})
    return Example((*values(draw, ((n, *size, c),), dtype), index))


def draw_take(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return draw_pixels(draw, dtype, limit, put=False)


def draw_put(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return draw_pixels(draw, dtype, limit, put=True)


def max_and_place(x, **pool):
    import pygan as pg

    return pg.ops.max_pool2d_with_indices(x, **pool)


def draw_filter(draw: st.DrawFn, antialias: bool = True) -> dict:
    mode = draw(st.sampled_from(("nearest", "nearest-exact", "bilinear", "bicubic", "bicubic")))
    if mode.startswith("nearest"):
        return {"mode": mode}
    extra = draw(st.sampled_from(("", "align_corners", "antialias" if antialias else "")))
    return {"mode": mode, extra: True} if extra else {"mode": mode}


def draw_axis(draw: st.DrawFn, limit: int) -> tuple[tuple, int, int, dict]:
    """A shape, one of its axes, the extent to resample it to, and how."""
    shape = list(draw(shapes(min_rank=1, limit=limit // 4)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    how = draw_filter(draw)
    size = draw(st.sampled_from((1, 2, 3, 4, 7, 13)))
    if draw(st.booleans()):
        how["scale"] = draw(st.sampled_from((0.4, 1.0, 1.5, 2.0, 2.3)))
        shape[axis] = max(shape[axis], 3)
        size = int(np.floor(shape[axis] * how["scale"]))
    return tuple(shape), axis, size, how


def draw_resample(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis, size, how = draw_axis(draw, limit)
    return Example(values(draw, (shape,), dtype), {"axis": axis, "size": size, **how})


def draw_resample_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis, size, how = draw_axis(draw, limit)
    small = list(shape)
    small[axis] = size
    hyper = {"axis": axis, "size": shape[axis], **how}
    return Example(values(draw, (tuple(small),), dtype), hyper)


def draw_resize(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw_images(draw, (draw(st.integers(1, 7)), draw(st.integers(1, 7))), limit // 4)
    size = either((draw(st.integers(1, 9)), draw(st.integers(1, 9))))
    return Example(values(draw, (shape,), dtype), {"size": size, **draw_filter(draw)})


def draw_upsample(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw_images(draw, (draw(st.integers(2, 6)), draw(st.integers(2, 6))), limit // 4)
    scales = st.sampled_from((1, 2, 2, 3, 0.5, 1.4))
    hyper = {"scale": either((draw(scales), draw(scales))), **draw_filter(draw, antialias=False)}
    return Example(values(draw, (shape,), dtype), hyper)


def draw_shuffle(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    r = draw(st.integers(1, 3))
    n, h, w, c = (draw(st.integers(1, k)) for k in (2, 4, 4, 5))
    return Example(values(draw, ((n, h, w, c * r * r),), dtype), {"r": r})


def draw_unshuffle(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    r = draw(st.integers(1, 3))
    n, h, w, c = (draw(st.integers(1, k)) for k in (2, 4, 4, 5))
    return Example(values(draw, ((n, h * r, w * r, c),), dtype), {"r": r})


def draw_pad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(min_rank=1, limit=limit // 4))
    hyper = {"mode": draw(st.sampled_from(("constant", "reflect", "replicate")))}
    if hyper["mode"] == "constant" and draw(st.booleans()):
        hyper["value"] = draw(st.sampled_from((1.0, -0.3, np.inf)))
    most = [min(3, n - 1) if hyper["mode"] == "reflect" else 3 for n in shape]
    sides = [(draw(st.integers(0, k)), draw(st.integers(0, k))) for k in most]
    return Example(values(draw, (shape,), dtype), {"widths": tuple(sides), **hyper})


def draw_finite_pad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Differences of an infinite border would be NaN."""
    example = draw_pad(draw, dtype, limit)
    if example.hyper.get("value") == np.inf:
        example.hyper["value"] = 2.0
    return example


def draw_border(draw: st.DrawFn, limit: int) -> tuple[list, dict]:
    """A shape and the settings of pad_axis."""
    shape = list(draw(shapes(min_rank=1, limit=limit // 4)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    mode = draw(st.sampled_from(("reflect", "replicate")))
    most = min(4, shape[axis] - 1) if mode == "reflect" else 4
    widths = draw(st.integers(0, most)), draw(st.integers(0, most))
    return shape, {"axis": axis, "widths": widths, "mode": mode}


def draw_pad_axis(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, hyper = draw_border(draw, limit)
    return Example(values(draw, (tuple(shape),), dtype), hyper)


def draw_pad_axis_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, hyper = draw_border(draw, limit)
    shape[hyper["axis"]] += sum(hyper["widths"])
    return Example(values(draw, (tuple(shape),), dtype), hyper)


def absolute_matrices(sides: Callable) -> Callable:
    """The scale of an op that is a matrix A along each axis: |A| |x|, for bicubic has negative
    weights. ``sides(x, **hyper)``: its (axis, A), x an input or what dx is like."""

    def scale(order: int, *args: np.ndarray, **hyper: object) -> list[float]:
        x, given = args[-1], np.abs(args[0])
        for axis, a in sides(x, **hyper):
            a = np.abs(a.T if order == 1 else a)
            given = np.moveaxis(np.tensordot(a, given, (1, axis)), 0, axis)
        largest = float(given.max(initial=0.0))
        return [largest, 0.0] if order == 2 else [largest]

    return scale


def axis_of(x: np.ndarray, axis: int, size: int, **how: object) -> list:
    return [(axis, resample.matrix(x.shape[axis], size, **how))]


def axis_of_grad(x: np.ndarray, axis: int, size: int, **how: object) -> list:
    return [(axis, resample.matrix(size, x.shape[axis], **how).T)]


def sides_of_resize(x: np.ndarray, size: object, **how: object) -> list:
    pair = resample._pair(size)
    return [(i + 1, resample.matrix(x.shape[i + 1], pair[i], **how)) for i in (0, 1)]


def sides_of_upsample(x: np.ndarray, scale: object, **how: object) -> list:
    sides = enumerate(resample._pair(scale), 1)
    return [(i, resample.matrix(x.shape[i], int(x.shape[i] * s), scale=s, **how)) for i, s in sides]


BORDER = {"axis": 1, "widths": (3, 30), "mode": "reflect"}
OVERLAPPING = {"kernel_size": 3, "stride": 2, "padding": 1}

CASES = [
    Case("pad", draw_pad, exact=ALL, composite=True, smooth=draw_finite_pad),
    Case(
        "pad_axis",
        draw_pad_axis,
        exact=ALL,
        big=lambda: Example((random((5, 31, 31, 150)),), BORDER),
    ),
    Case(
        "pad_axis_grad",
        draw_pad_axis_grad,
        exact=ALL,
        big=lambda: Example((random((5, 64, 31, 150)),), BORDER),
    ),
    Case(
        "avg_pool2d",
        draw_avg,
        scale="absolute",
        flops=lambda e, y: 9.0 * y[0].size,
        big=lambda: Example((random((5, 33, 31, 35)),), OVERLAPPING),
    ),
    Case(
        "avg_pool2d_grad",
        draw_avg_grad,
        scale="absolute",
        big=lambda: Example((random((5, 17, 16, 35)),), {**OVERLAPPING, "size": (33, 31)}),
        flops=lambda e, y: 9.0 * e.inputs[0].size,
    ),
    Case(
        "max_pool2d",
        draw_max_ties,
        max_and_place,
        exact=ALL,
        smooth=draw_max,
        big=lambda: Example((random((5, 33, 31, 35)),), OVERLAPPING),
    ),
    Case("take_pixels", draw_take, exact=ALL),
    Case("put_pixels", draw_put, exact=ALL),
    Case(
        "resample",
        draw_resample,
        scale=absolute_matrices(axis_of),
        big=lambda: Example((random((5, 33, 31, 35)),), {"axis": 1, "size": 50, "mode": "bicubic"}),
    ),
    Case(
        "resample_grad",
        draw_resample_grad,
        scale=absolute_matrices(axis_of_grad),
        big=lambda: Example((random((5, 33, 31, 35)),), {"axis": 2, "size": 50, "antialias": True}),
    ),
    Case("resize", draw_resize, scale=absolute_matrices(sides_of_resize), composite=True),
    Case("upsample", draw_upsample, scale=absolute_matrices(sides_of_upsample), composite=True),
    Case("pixel_shuffle", draw_shuffle, exact=ALL, composite=True),
    Case("pixel_unshuffle", draw_unshuffle, exact=ALL, composite=True),
]
