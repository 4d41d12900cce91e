"""What is timed: each case's work, FLOPs, data and the bound that it must reach.

A case is one or more parts; its ratio in a round is the geometric mean of its parts' ratios. Data
are NumPy arrays in pygan's layouts (images NHWC, weights (kh, kw, in, out)), drawn from the case's
name, so that every peer's process makes the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """One piece of work: ``kind`` names the peers' function, ``size`` its numbers."""

    name: str
    kind: str
    size: dict[str, Any]
    flops: float = 0.0  # nominal, from shapes; 0: not counted
    draw: int = 0  # which random numbers: of some, an activation lies within rounding of its kink

    def data(self) -> Arrays:
        """Inputs and weights, float32."""
        name = f"{self.kind} {sorted(self.size.items())}"
        rng = np.random.default_rng([zlib.crc32(name.encode()), self.draw])
        return DATA[self.kind](rng, **self.size)


@dataclass(frozen=True)
class Case:
    """A row of the table of targets."""

    name: str
    work: str
    parts: tuple[Part, ...]
    least: float  # bound of the lower end of the interval
    aim: float
    unit: str = "x"
    measure: str = "time"  # or "memory", "passes"
    peers: frozenset[str] = field(default_factory=lambda: frozenset({"torch"}))


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


# ---- matrix products -----------------------------------------------------------------------------


def gemm(m: int, n: int, k: int, name: str = "") -> Part:
    return Part(name or f"{m}x{n}x{k}", "matmul", {"m": m, "n": n, "k": k}, 2.0 * m * n * k)


def matmul_data(rng: np.random.Generator, m: int, n: int, k: int) -> Arrays:
    return {"a": normal(rng, m, k), "b": normal(rng, k, n)}


# ---- convolutions --------------------------------------------------------------------------------

# DCGAN-64, nf 64: name, size of the larger image, channels there, channels of the smaller one
LAYERS = (("1", 64, 3, 64), ("2", 32, 64, 128), ("3", 16, 128, 256), ("4", 8, 256, 512))
KINDS = ("forward", "input_grad", "weight_grad")


def convolutions(batch: int) -> tuple[Part, ...]:
    """conv2d and conv_transpose2d at DCGAN's layers, forward and both gradients."""
    parts = []
    for transposed in (False, True):
        for layer, size, c, o in LAYERS:
            flops = 2.0 * batch * (size // 2) ** 2 * 16 * c * o
            for kind in KINDS:
                numbers = {"batch": batch, "size": size, "channels": c, "features": o}
                numbers |= {"transposed": transposed, "kind": kind}
                name = f"{'G' if transposed else 'D'}{layer} {kind}"
                parts.append(Part(name, "conv", numbers, flops))
    return tuple(parts)


def conv_data(
    rng: np.random.Generator,
    batch: int,
    size: int,
    channels: int,
    features: int,
    transposed: bool,
    kind: str,
) -> Arrays:
    """x: the larger image, y: the smaller one, w: of the convolution x -> y."""
    return {
        "x": normal(rng, batch, size, size, channels),
        "w": normal(rng, 4, 4, channels, features, scale=0.02),
        "y": normal(rng, batch, size // 2, size // 2, features),
    }


# ---- whole steps ---------------------------------------------------------------------------------


def dcgan(
    kind: str, image: int, channels: int, width: int, batch: int, norm: bool = True, draw: int = 0
) -> Part:
    size = {"image": image, "channels": channels, "width": width, "batch": batch, "norm": norm}
    return Part(kind, kind, size, draw=draw)


def plan(image: int, width: int) -> list[tuple[int, int]]:
    """(extent, features) of the hidden layers, from the innermost outwards."""
    extents = [4]
    while extents[-1] * 2 < image:
        extents.append(extents[-1] * 2)
    n = len(extents)
    return [(e, width * min(8, 1 << (n - 1 - i))) for i, e in enumerate(extents)]


def signs(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.float32), n)


def strided(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """conv2d with a 4x4 kernel, stride 2, padding 1."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, v = x.shape[1] - 2, x.shape[2] - 2
    taps = [x[:, r : r + h : 2, s : s + v : 2] @ w[r, s] for r in range(4) for s in range(4)]
    return np.sum(taps, axis=0)


def dcgan_data(
    rng: np.random.Generator, image: int, channels: int, width: int, batch: int, norm: bool
) -> Arrays:
    """Weights by the names of pygan's DCGAN networks, with deviation 0.02, and a batch.

    Shifts and biases put each channel's activations far above or below 0. Near 0 rounding decides
    a ReLU's derivative, one flip among a million moves a gradient by 1e-3, and two correct programs
    could not be told from wrong ones. No time depends on it.
    """
    hidden = plan(image, width)
    inner = hidden[0]
    data: Arrays = {}

    def scale_and_shift(name: str, features: int) -> None:
        data[f"{name}.weight"] = 1 + normal(rng, features, scale=0.02)
        data[f"{name}.bias"] = 4 * signs(rng, features)  # deviations

    flat = inner[0] ** 2 * inner[1]
    data["G.project.weight"] = normal(rng, 100, flat, scale=0.02)
    for i, (_, features) in enumerate(hidden):
        if i:
            before = hidden[i - 1][1]
            data[f"G.up{i}.weight"] = normal(rng, 4, 4, features, before, scale=0.02)
        scale_and_shift(f"G.norm{i}", features)
    data["G.out.weight"] = normal(rng, 4, 4, channels, hidden[-1][1], scale=0.02)
    data["G.out.bias"] = normal(rng, channels, scale=0.02)
    data["real"] = np.tanh(normal(rng, batch, image, image, channels))
    before, h = channels, data["real"][:4].astype(np.float64)
    for i, (_, features) in enumerate(reversed(hidden)):
        w = data[f"D.down{i}.weight"] = normal(rng, 4, 4, before, features, scale=0.02)
        if i and norm:
            scale_and_shift(f"D.norm{i}", features)
        else:
            h = strided(h, w)
            # Without norms some channels of the first layer, which rounds little, must be on both
            # sides: real and fake gradients of a critic that is linear would cancel.
            far = 3 if i else 4 if norm else 1.5
            shift = far * h.std((0, 1, 2)) * signs(rng, features) - h.mean((0, 1, 2))
            data[f"D.down{i}.bias"] = shift.astype(np.float32)
            h = np.where(h + shift > 0, h + shift, 0.2 * (h + shift))
        before = features
    data["D.out.weight"] = normal(rng, flat, 1, scale=0.02)
    data["D.out.bias"] = normal(rng, 1, scale=0.02)
    data["z_d"], data["z_g"] = normal(rng, batch, 100), normal(rng, batch, 100)
    data["alpha"] = rng.random(batch, dtype=np.float32)
    return data


def mlp(kind: str, width: int, batch: int) -> Part:
    return Part(kind, kind, {"width": width, "batch": batch})


def mlp_data(rng: np.random.Generator, width: int, batch: int) -> Arrays:
    """Two hidden layers each way, points in the plane, He's weights."""
    data: Arrays = {}
    for network, out in (("G", 2), ("D", 1)):
        for i, (a, b) in enumerate(((2, width), (width, width), (width, out))):
            name = f"{network}.{'out' if i == 2 else f'linear{i}'}"
            data[f"{name}.weight"] = normal(rng, a, b, scale=(2 / a) ** 0.5)
            data[f"{name}.bias"] = normal(rng, b, scale=0.02)
    data["real"] = normal(rng, batch, 2)
    data["z_d"], data["z_g"] = normal(rng, batch, 2), normal(rng, batch, 2)
    data["alpha"] = rng.random(batch, dtype=np.float32)
    return data


DATA: dict[str, Callable[..., Arrays]] = {
    "matmul": matmul_data,
    "conv": conv_data,
    **dict.fromkeys(("dcgan_step", "dcgan_critic", "dcgan_penalty"), dcgan_data),
    **dict.fromkeys(("mlp_step", "mlp_critic"), mlp_data),
}

SGEMM = (
    *(gemm(n, n, n) for n in (512, 1024, 2048)),
    *(gemm(64 * (s // 2) ** 2, o, 16 * c, f"D{name}") for name, s, c, o in LAYERS),
    gemm(64, 1, 8192, "D5"),
    gemm(64, 8192, 100, "G1"),
)

CASES: dict[str, Case] = {
    c.name: c
    for c in (
        Case("sgemm", "matrix products", SGEMM, 1.0, 1.3, peers=frozenset({"torch", "numpy"})),
        Case("conv64", "convolutions of DCGAN-64 and their gradients", convolutions(64), 1.15, 1.6),
        Case("dcgan64", "DCGAN-64 step, D and G", (dcgan("dcgan_step", 64, 3, 64, 64),), 1.3, 2.0),
        Case("dcgan32-nf32", "DCGAN-32 step", (dcgan("dcgan_step", 32, 1, 32, 64),), 1.5, 2.5),
        Case("dcgan32-nf64", "DCGAN-32 step", (dcgan("dcgan_step", 32, 1, 64, 64),), 1.5, 2.5),
        Case(
            "critic64",
            "WGAN-GP critic step",
            (dcgan("dcgan_critic", 64, 3, 64, 64, norm=False, draw=12),),
            1.8,
            3.0,
        ),
        Case(
            "gp64",
            "gradient penalty, value and all weight gradients",
            (dcgan("dcgan_penalty", 64, 3, 64, 64, norm=False),),
            2.5,
            4.0,
        ),
        Case(
            "gp64-passes",
            "convolution FLOPs of the penalty over those of the critic's forward",
            (dcgan("dcgan_penalty", 64, 3, 64, 64, norm=False),),
            4.1,
            4.0,
            unit="ratio",
            measure="passes",
        ),
        Case("mlp64-ns", "2-D MLP game, step", (mlp("mlp_step", 64, 64),), 4, 10),
        Case("mlp64-gp", "2-D MLP game, WGAN-GP critic step", (mlp("mlp_critic", 64, 64),), 4, 10),
        Case("mlp400-ns", "2-D MLP game, step", (mlp("mlp_step", 400, 100),), 1.5, 3),
        Case(
            "mlp400-gp", "2-D MLP game, WGAN-GP critic step", (mlp("mlp_critic", 400, 100),), 1.5, 3
        ),
        Case(
            "memory64",
            "peak memory of the DCGAN-64 step over the idle process",
            (dcgan("dcgan_step", 64, 3, 64, 64),),
            1.5,
            2.5,
            measure="memory",
        ),
    )
}
