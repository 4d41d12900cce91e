"""Sliced Wasserstein distance between patches of two image sets (after Karras et al., 2018).

Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs for Improved Quality, Stability, and
Variation", ICLR 2018, section 5: local patches that look alike in shape, texture and colour have
projections that are distributed alike. Unlike theirs, patches are taken at full resolution only (no
Laplacian pyramid) and 32 from an image instead of 128.
"""

from __future__ import annotations

import os

import numpy as np

from pygan.data.dataset import to_float
from pygan.data.order import permutation, stream_key
from pygan.errors import DTypeError, NonFiniteError, ShapeError

PATCH = 7
PATCHES_PER_IMAGE = 32
PROJECTIONS = 512
DRAWS, DRAW_SIZE = 10, 1000
_CHUNK = 32  # projections sorted at once; fixed, so that the result knows nothing of threads
# Multiplications in one matrix product, below OpenBLAS's limit (262,144) for starting its own
# threads: ours fill the cores already, and waiting for each other in a spin loop, theirs took six
# times as long on a busy machine.
_PRODUCT = 200_000


def swd(a: np.ndarray, b: np.ndarray, seed: int = 0) -> float:
    """Sliced Wasserstein distance of the 7x7 patches of two image sets, times 1,000.

    From each image 32 patches at random positions, as vectors p of 49 C values. Each set by itself
    is normalised: per channel, minus its mean, over its standard deviation. For 512 random unit
    vectors t,

        swd = 1000 mean_t W1(t.p over A, t.p over B),

    W1 of two equally large samples being the mean absolute difference of the sorted values. Where
    the sets differ in size the quantile functions are compared at the larger number n of points
    (i + 1/2)/n (exact where one size divides the other). The score is 0 for equal distributions and
    has no upper bound; two finite samples of one distribution give more than 0, so it is read
    beside :func:`swd_real`.

    Positions and projections come from Philox4x32-10 with key ``seed``; image k of both sets has
    the same positions, so that equal sets score exactly 0 and ``swd(a, b) == swd(b, a)``. The same
    seed gives the same score (on another machine up to rounding: matrix products are NumPy's).

    Args:
        a, b: ``(N, H, W, C)`` and ``(M, H, W, C)``, H and W at least 7; uint8, or float32 or
            float64 in [-1, 1] (any affine change of a set cancels in its normalisation).
        seed: 0 <= seed < 2^64.

    Raises:
        ShapeError: not four dimensions, empty, smaller than 7x7, or of different H, W, C.
        DTypeError: any other dtype.
        NonFiniteError: NaN or infinity in a set.
        ConfigError: ``seed`` out of range.
    """
    a, b = _checked(a, "a"), _checked(b, "b")
    _check_pair(a, b)
    return _compare(_sorted_projections(a, seed), _sorted_projections(b, seed))


def swd_real(train: np.ndarray, held_out: np.ndarray, seed: int = 0) -> float:
    """What real images score against real ones: the mean of ``swd`` over 10 draws of 1,000.

    Draw d takes ``min(1000, N)`` training images without replacement, the first of
    ``permutation(N, seed, d)``, and compares them with ``held_out`` by the projections of
    ``swd(..., seed)``. A generator that scores about as much cannot be told from the data by this
    score; compare at equal numbers of samples, since fewer samples score higher.

    Args:
        train, held_out: image sets as for :func:`swd`.

    Raises:
        As :func:`swd`.
    """
    train, held_out = _checked(train, "train"), _checked(held_out, "held_out")
    _check_pair(train, held_out)
    reference = _sorted_projections(held_out, seed)
    scores = []
    for draw in range(DRAWS):
        chosen = permutation(len(train), seed, draw, "metrics.swd_real")[:DRAW_SIZE]
        scores.append(_compare(_sorted_projections(train[chosen], seed), reference))
    return float(np.mean(scores))


def _checked(images: np.ndarray, name: str) -> np.ndarray:
    """The set itself, found usable; uint8 stays so until patches are taken."""
    images = np.asarray(images)
    if images.dtype not in (np.uint8, np.float32, np.float64):
        raise DTypeError(f"{name} must be uint8, float32 or float64, got {images.dtype}")
    if images.ndim != 4 or 0 in images.shape:
        raise ShapeError(f"{name} must be (N, H, W, C) and not empty, got {images.shape}")
    if min(images.shape[1:3]) < PATCH:
        raise ShapeError(f"{name} must be at least {PATCH}x{PATCH} pixels, got {images.shape}")
    if images.dtype != np.uint8 and not np.isfinite(images).all():
        raise NonFiniteError(f"{name} has {np.sum(~np.isfinite(images))} values not finite")
    return images


def _check_pair(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape[1:] != b.shape[1:]:
        raise ShapeError(f"image sets differ in shape: {a.shape} and {b.shape}")


def _patches(images: np.ndarray, seed: int) -> np.ndarray:
    """Normalised random patches: (N, H, W, C) -> float32 (32 N, 49 C)."""
    from pygan.reference import random

    n, h, w, c = images.shape
    count = n * PATCHES_PER_IMAGE
    # A word's upper bits pick a position: floor(word * choices / 2^32). Words 2i and 2i+1 belong to
    # patch i, so the positions of image k do not depend on how many images there are.
    words = random.words(stream_key(seed, "metrics.swd.position"), -(-count // 2))
    words = words.reshape(-1, 2)[:count].astype(np.uint64)
    y = (words[:, 0] * np.uint64(h - PATCH + 1) >> np.uint64(32)).astype(np.int64)
    x = (words[:, 1] * np.uint64(w - PATCH + 1) >> np.uint64(32)).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    taken = windows[np.repeat(np.arange(n), PATCHES_PER_IMAGE), y, x]  # (32 N, C, 7, 7)
    values = to_float(taken) if taken.dtype == np.uint8 else taken.astype(np.float32)
    values = values.reshape(count, c, PATCH * PATCH)
    # float64 sums: the float32 mean of a million equal values is not that value.
    mean = values.mean(axis=(0, 2), keepdims=True, dtype=np.float64)
    values = (values - mean).astype(np.float32)
    deviation = np.sqrt(np.mean(np.square(values), axis=(0, 2), keepdims=True, dtype=np.float64))
    # A constant set (a collapsed generator) has only rounding noise to divide: leave it at 0.
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    return (values / deviation).astype(np.float32).reshape(count, -1)


def _projections(width: int, seed: int) -> np.ndarray:
    """Uniform directions: float32 (512, width), rows of unit length (normalised Gaussians)."""
    from pygan.reference import random

    rows = random.normal(
        stream_key(seed, "metrics.swd.projection"), (PROJECTIONS, width), "float64"
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _sorted_projections(images: np.ndarray, seed: int) -> np.ndarray:
    """Every projection's values in ascending order: float32 (512, 32 N)."""
    from concurrent.futures import ThreadPoolExecutor

    patches = np.ascontiguousarray(_patches(images, seed).T)
    directions = _projections(len(patches), seed)
    width, count = patches.shape
    out = np.empty((PROJECTIONS, count), np.float32)
    block = max(1, _PRODUCT // (_CHUNK * width))

    def work(begin: int) -> None:
        rows = directions[begin : begin + _CHUNK]
        part = out[begin : begin + _CHUNK]
        for i in range(0, count, block):
            part[:, i : i + block] = rows @ patches[:, i : i + block]
        part.sort(axis=1)  # contiguous rows; releases the GIL

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(work, range(0, PROJECTIONS, _CHUNK)))
    return out


def _compare(a: np.ndarray, b: np.ndarray) -> float:
    """1,000 times the mean distance of sorted rows: (512, n) and (512, m), n and m may differ."""
    if a.shape[1] != b.shape[1]:
        small, large = sorted((a, b), key=lambda rows: rows.shape[1])
        n, m = small.shape[1], large.shape[1]
        # quantile (i + 1/2)/m of the small sample is its value number floor((i + 1/2) n/m)
        a, b = small[:, (2 * np.arange(m) + 1) * n // (2 * m)], large
    total = 0.0
    for row_a, row_b in zip(a, b, strict=True):
        total += float(np.mean(np.abs(row_a - row_b), dtype=np.float64))
    return 1000.0 * total / len(a)
