"""Kernels in Python, compiled by numba, as a user writes them; registered as operations of pygan.

    pip install '.[numba]'
    python examples/numba_ops.py

The same kernels are the numba column of `python -m benchmarks kernels --peer numba`.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

import pygan as pg
from pygan.testing import check_op

# ---- elementwise ---------------------------------------------------------------------------------


@njit(parallel=True)
def _leaky_relu(x: np.ndarray, slope: float) -> np.ndarray:
    y = np.empty_like(x)
    for i in prange(x.size):
        y[i] = x[i] if x[i] > 0 else slope * x[i]
    return y


@njit(parallel=True)
def _leaky_relu_grad(dy: np.ndarray, x: np.ndarray, slope: float) -> np.ndarray:
    dx = np.empty_like(x)
    for i in prange(x.size):
        dx[i] = dy[i] if x[i] > 0 else slope * dy[i]
    return dx


def leaky_relu(x: np.ndarray, negative_slope: float = 0.01) -> np.ndarray:
    return _leaky_relu(x.ravel(), x.dtype.type(negative_slope)).reshape(x.shape)


def leaky_relu_grad(dy: np.ndarray, x: np.ndarray, negative_slope: float = 0.01) -> np.ndarray:
    return _leaky_relu_grad(dy.ravel(), x.ravel(), x.dtype.type(negative_slope)).reshape(x.shape)


@njit(parallel=True)
def _sigmoid(x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    for i in prange(x.size):
        y[i] = 1 / (1 + np.exp(-x[i]))
    return y


@njit(parallel=True)
def _sigmoid_grad(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    dx = np.empty_like(x)
    for i in prange(x.size):
        s = 1 / (1 + np.exp(-x[i]))
        dx[i] = dy[i] * s * (1 - s)
    return dx


def sigmoid(x: np.ndarray) -> np.ndarray:
    return _sigmoid(x.ravel()).reshape(x.shape)


def sigmoid_grad(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return _sigmoid_grad(dy.ravel(), x.ravel()).reshape(x.shape)


# ---- batch normalisation -------------------------------------------------------------------------


@njit
def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and biased variance of x (rows, channels), by two passes."""
    rows, channels = x.shape
    mean, var = np.zeros(channels), np.zeros(channels)
    for r in range(rows):
        for c in range(channels):
            mean[c] += x[r, c]
    mean /= rows
    for r in range(rows):
        for c in range(channels):
            var[c] += (x[r, c] - mean[c]) ** 2
    return mean, var / rows


@njit(parallel=True)
def _normalize(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            y[r, c] = (x[r, c] - mean[c]) * scale[c] + shift[c]
    return y


def batch_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5
) -> np.ndarray:
    rows = x.reshape(-1, x.shape[-1])
    mean, var = _moments(rows)
    scale = (weight / np.sqrt(var + eps)).astype(x.dtype)
    return _normalize(rows, mean.astype(x.dtype), scale, bias).reshape(x.shape)


@njit(parallel=True)
def _batch_norm_dx(
    dy: np.ndarray, h: np.ndarray, scale: np.ndarray, db: np.ndarray, dw: np.ndarray
) -> np.ndarray:
    dx = np.empty_like(h)
    for r in prange(h.shape[0]):
        for c in range(h.shape[1]):
            dx[r, c] = scale[c] * (dy[r, c] - db[c] - h[r, c] * dw[c])
    return dx


def batch_norm_grad(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, dout = x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1])
    mean, var = _moments(rows)
    deviation = np.sqrt(var + eps)
    one = (1 / deviation).astype(x.dtype)
    h = _normalize(rows, mean.astype(x.dtype), one, np.zeros_like(one))
    db, dw = dout.sum(0), (dout * h).sum(0)
    n = x.dtype.type(len(rows))
    dx = _batch_norm_dx(dout, h, (weight * one).astype(x.dtype), db / n, dw / n)
    return dx.reshape(x.shape), dw, db


# ---- convolution ---------------------------------------------------------------------------------


@njit(parallel=True, fastmath=True)
def _conv2d(x: np.ndarray, w: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """x (N, H, W, C), w (kh, kw, C, O): six loops, the innermost over output channels."""
    batch, height, width, channels = x.shape
    kh, kw, _, features = w.shape
    rows = (height + 2 * padding - kh) // stride + 1
    columns = (width + 2 * padding - kw) // stride + 1
    y = np.zeros((batch, rows, columns, features), x.dtype)
    for n in prange(batch):
        for i in range(rows):
            for j in range(columns):
                for r in range(kh):
                    h = i * stride - padding + r
                    if h < 0 or h >= height:
                        continue
                    for s in range(kw):
                        v = j * stride - padding + s
                        if v < 0 or v >= width:
                            continue
                        for c in range(channels):
                            for o in range(features):
                                y[n, i, j, o] += x[n, h, v, c] * w[r, s, c, o]
    return y


@njit(parallel=True, fastmath=True)
def _conv2d_dx(
    dy: np.ndarray, w: np.ndarray, height: int, width: int, stride: int, padding: int
) -> np.ndarray:
    batch, rows, columns, features = dy.shape
    kh, kw, channels, _ = w.shape
    dx = np.zeros((batch, height, width, channels), dy.dtype)
    for n in prange(batch):
        for i in range(rows):
            for j in range(columns):
                for r in range(kh):
                    h = i * stride - padding + r
                    if h < 0 or h >= height:
                        continue
                    for s in range(kw):
                        v = j * stride - padding + s
                        if v < 0 or v >= width:
                            continue
                        for c in range(channels):
                            total = dx[n, h, v, c]
                            for o in range(features):
                                total += dy[n, i, j, o] * w[r, s, c, o]
                            dx[n, h, v, c] = total
    return dx


@njit(parallel=True, fastmath=True)
def _conv2d_dw(
    dy: np.ndarray, x: np.ndarray, kh: int, kw: int, stride: int, padding: int
) -> np.ndarray:
    batch, rows, columns, features = dy.shape
    _, height, width, channels = x.shape
    dw = np.zeros((kh, kw, channels, features), dy.dtype)
    for r in prange(kh):
        for s in range(kw):
            for n in range(batch):
                for i in range(rows):
                    h = i * stride - padding + r
                    if h < 0 or h >= height:
                        continue
                    for j in range(columns):
                        v = j * stride - padding + s
                        if v < 0 or v >= width:
                            continue
                        for c in range(channels):
                            for o in range(features):
                                dw[r, s, c, o] += x[n, h, v, c] * dy[n, i, j, o]
    return dw


def conv2d(x: np.ndarray, w: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    return _conv2d(x, w, stride, padding)


def conv2d_grad(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    dx = _conv2d_dx(dy, w, x.shape[1], x.shape[2], stride, padding)
    return dx, _conv2d_dw(dy, x, w.shape[0], w.shape[1], stride, padding)


# name -> (value, gradients of the inputs), on arrays
KERNELS = {
    "leaky_relu": (leaky_relu, leaky_relu_grad),
    "sigmoid": (sigmoid, sigmoid_grad),
    "batch_norm": (batch_norm, batch_norm_grad),
    "conv2d": (conv2d, conv2d_grad),
}

# ---- as operations -------------------------------------------------------------------------------


@pg.register_op
class NumbaLeakyReLU(pg.Op):
    """leaky_relu with numba's kernel: value and first order compiled, all above in operations."""

    name = "numba_leaky_relu"
    per_sample = True
    negative_slope: float = 0.2

    def forward(self, x: np.ndarray) -> np.ndarray:
        return leaky_relu(x, self.negative_slope)

    def vjp(self, inputs: tuple, outputs: tuple, cotangents: tuple) -> pg.Tensor:
        return NumbaLeakyReLUGrad(negative_slope=self.negative_slope)(cotangents[0], inputs[0])


@pg.register_op
class NumbaLeakyReLUGrad(pg.Op):
    """Its backward pass: linear in dy, and constant in x but for the kink."""

    name = "numba_leaky_relu_grad"
    per_sample = True
    negative_slope: float = 0.2

    def forward(self, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return leaky_relu_grad(dy, x, self.negative_slope)

    def vjp(self, inputs: tuple, outputs: tuple, cotangents: tuple) -> tuple:
        (_, x), (dg,) = inputs, cotangents
        return NumbaLeakyReLUGrad(negative_slope=self.negative_slope)(dg, x), pg.ops.scale(x, 0.0)


def main() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    check_op(NumbaLeakyReLU(negative_slope=0.2), [x])
    print("numba_leaky_relu: value, vjp to second order and jvp are right")


if __name__ == "__main__":
    main()
