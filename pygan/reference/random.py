"""Random numbers: Philox4x32-10 and what is made of it, the same bits as every device's kernel.

A counter-based generator is a hash: block ``c`` of stream ``k`` is ``philox(c, k)``, so any element
can be computed alone, in any order, on any number of threads (Salmon, Moraes, Dror and Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011).

An op's ``key`` is int64 ``(3,)``: seed, stream id, draw number. Philox's own key is the seed's two
32-bit halves, its counter the four words (block low, block high, draw, stream).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pygan.reference import vecmath

__all__ = [
    "bernoulli", "dropout", "normal", "permutation", "philox4x32", "stream_id", "uniform", "words",
]  # fmt: skip

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_TWO_PI = np.float32(2 * math.pi)


def philox4x32(counter: np.ndarray, key: np.ndarray, rounds: int = 10) -> np.ndarray:
    """Four random 32-bit words a counter.

    ``counter`` uint32 (..., 4), ``key`` uint32 (..., 2), broadcast -> uint32 (..., 4). A round:
    ``(c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0))``,
    and the key grows by Weyl's constants modulo 2^32 from one round to the next.
    """
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = np.moveaxis(np.asarray(key, np.uint64), -1, 0)
    for _ in range(rounds):
        a, b = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (b >> _32) ^ c1 ^ k0, b & _LOW, (a >> _32) ^ c3 ^ k1, a & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1).astype(np.uint32)


def words(key: np.ndarray, blocks: int) -> np.ndarray:
    """The first ``blocks`` blocks of a draw: uint32 (blocks, 4)."""
    seed, stream, draw = (int(k) for k in np.asarray(key, np.int64))
    low, high = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    block = np.arange(blocks, dtype=np.uint64)
    counter = np.empty((blocks, 4), np.uint64)
    counter[:, 0], counter[:, 1] = block & _LOW, block >> _32
    counter[:, 2], counter[:, 3] = draw & 0xFFFFFFFF, stream & 0xFFFFFFFF
    return philox4x32(counter, np.array([low, high], np.uint64))


def _unit(u: np.ndarray) -> np.ndarray:
    """uint32 -> float32 in [0, 1): the upper 24 bits, every value exact."""
    return (u >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def uniform(key: np.ndarray, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
    """``u 2^-24`` in [0, 1), u the upper 24 bits of word e % 4 of block e // 4 for element e.

    float64 is the float32 values widened, so a seed means the same numbers in both.
    """
    size = math.prod(shape)
    flat = _unit(words(key, -(-size // 4))).reshape(-1)[:size]
    return flat.reshape(shape).astype(dtype)


def normal(key: np.ndarray, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
    """Box and Muller: ``sqrt(-2 log(1 - u1)) cos(2 pi u2)``; a block makes two elements.

    Element e reads words 2 (e % 2) and 2 (e % 2) + 1 of block e // 2. 1 - u1 lies in (0, 1] and is
    exact. Computed in float32, operation by operation as in csrc/core/vecmath.h.
    """
    size = math.prod(shape)
    u = _unit(words(key, -(-size // 2))).reshape(-1, 2)[:size]
    radius = np.sqrt(np.float32(-2) * vecmath.log(np.float32(1) - u[:, 0]))
    angle = _TWO_PI * u[:, 1]
    return (radius * vecmath.cos(angle)).reshape(shape).astype(dtype)


def stream_id(name: str) -> int:
    """32-bit FNV-1a of a dotted name: ``h <- (h ^ byte) 16777619 mod 2^32``, from 2166136261."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def bernoulli(
    key: np.ndarray, p: float, shape: Sequence[int], dtype: str = "float32"
) -> np.ndarray:
    """``y = 1 where u < p, else 0``, u = uniform(key): 1 with probability p, to 2^-24"""
    return (uniform(key, shape, "float64") < p).astype(dtype)


def permutation(key: np.ndarray, n: int) -> np.ndarray:
    """0 to n - 1 in the stable order of n numbers: ``w[2j] + 2^32 w[2j + 1]``, w the key's words.

    Sorting random numbers is a uniform shuffle unless two are equal: probability n^2 / 2^65.
    """
    w = words(key, -(-n // 2)).reshape(-1, 2)[:n].astype(np.uint64)
    return np.argsort(w[:, 0] | w[:, 1] << _32, kind="stable")


def dropout(x: np.ndarray, key: np.ndarray, p: float = 0.5) -> np.ndarray:
    """``y = 0 where u < p, else x / (1 - p)``: linear in x, with a diagonal matrix of 0s and more

    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout: a simple way
    to prevent neural networks from overfitting. JMLR 2014.
    """
    dropped = bernoulli(key, p, x.shape, "bool")
    return np.where(dropped, x.dtype.type(0), x * x.dtype.type(1 / (1 - p)))


def dropout_vjp(dy: np.ndarray, x: np.ndarray, key: np.ndarray, p: float = 0.5) -> tuple:
    """``dx = dropout(dy)`` with the same key"""
    return (dropout(dy, key, p),)


def dropout_vjp2(
    ddx: tuple, dy: np.ndarray, x: np.ndarray, key: np.ndarray, p: float = 0.5
) -> tuple:
    """``ddy = dropout(ddx)`` with the same key"""
    return dropout(ddx[0], key, p), np.zeros_like(x)
