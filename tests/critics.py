"""Random critics, and the gradient penalty written out: two ways to the same gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import pygan as pg
from pygan import nn

COSTS = {
    "wgan-gp": ("two-sided", 1.0),
    "wgan-lp": ("one-sided", 1.0),
    "zero-centred": ("squared", 1.0),
    "r1": ("squared", 0.5),
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


@dataclass
class Critic:
    D: Callable[[pg.Tensor], pg.Tensor]
    params: list[pg.Tensor]
    x: pg.Tensor
    text: str

    def __repr__(self) -> str:
        return self.text


def random_critic(seed: int, device: str = "cpu") -> Critic:
    """Convolutions or dense layers, one of three activations, with and without biases, spectral
    norm, labels closed over, and one or several outputs a sample."""
    rng = np.random.default_rng(seed)
    nn.init.seed(seed)
    activation = list(ACTIVATIONS)[seed % 3]
    conv, bias, spectral, labelled = (bool(b) for b in rng.integers(0, 2, 4))
    n, width = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    make: Callable[[nn.Module], nn.Module] = nn.SpectralNorm if spectral else lambda layer: layer
    layers: list[nn.Module] = []
    if conv:
        shape: tuple[int, ...] = (8, 6, int(rng.integers(1, 4)))
        channels = shape[-1]
        for stride in (2, 1)[: int(rng.integers(1, 3))]:
            kernel = 4 if stride == 2 else 3
            layers += [make(nn.Conv2d(channels, width, kernel, stride, 1, bias=bias))]
            layers += [ACTIVATIONS[activation]()]
            channels, width = width, width + 1
        features = 12 * channels
        head: nn.Module = nn.Linear(features, 1, bias=bias)
        patches = bool(rng.integers(0, 2))
        if patches:  # one output a patch
            layers.append(make(nn.Conv2d(channels, 1, 3, 1, 1, bias=bias)))
        else:
            layers += [nn.Flatten(), make(head)]
    else:
        shape = (int(rng.integers(2, 6)),)
        features = shape[0]
        for _ in range(int(rng.integers(1, 4))):
            layers += [make(nn.Linear(features, width, bias=bias)), ACTIVATIONS[activation]()]
            features, width = width, width + 1
        layers.append(make(nn.Linear(features, int(rng.integers(1, 3)), bias=bias)))
    body = nn.Sequential(*layers)
    body.to("float64")
    params = body.parameters()
    for p in params:  # biases too, and lengths of gradients on both sides of 1
        p.assign_(rng.normal(size=p.shape) * rng.choice((0.5, 1.0)))
    if labelled:
        table = nn.Parameter(pg.tensor(rng.normal(size=(3, int(np.prod(shape))))))
        labels = pg.tensor(rng.integers(0, 3, n))
        params = [*params, table]
    body.to(device)
    if labelled:
        table = nn.Parameter(table.to(device)) if device != "cpu" else table
        labels = labels.to(device)
        params = [*body.parameters(), table]

    def D(x: pg.Tensor) -> pg.Tensor:
        if labelled:  # by addition and by a product
            e = pg.ops.embedding(table, labels).reshape(n, *shape)
            x = x * (e + 1.5) + e
        return body(x)

    x = pg.tensor(rng.normal(size=(n, *shape)), device=device)
    settings = f"bias={bias} spectral={spectral} labels={labelled}"
    text = f"critic {seed}: {activation} {'conv' if conv else 'dense'} {settings} x {x.shape}"
    body.eval()  # spectral norm: one weight in both evaluations
    return Critic(D, params, x, text)


def written_out(
    D: Callable[[pg.Tensor], pg.Tensor], x: pg.Tensor, cost: str, weight: float
) -> pg.Tensor:
    """The penalty in plain ops, for a double backward."""
    x = x.detach().requires_grad_(True)
    (g,) = pg.grad(D(x).sum(), [x], create_graph=True, unused="zero")
    g = g.reshape(g.shape[0], -1)
    if cost == "squared":
        costs = pg.ops.square(g).sum(axis=1)
    else:
        excess = pg.ops.norm(g, axis=1) - 1.0
        costs = pg.ops.square(pg.ops.relu(excess) if cost == "one-sided" else excess)
    return costs.mean() * weight


def assert_same(
    got: Sequence[pg.Tensor], expected: Sequence[pg.Tensor], what: object, bound: float = 1e-12
) -> None:
    """Equal up to `bound` times the largest of all expected values."""
    pairs = [(a.numpy(), b.numpy()) for a, b in zip(got, expected, strict=True)]
    scale = max(float(np.abs(b).max(initial=0.0)) for _, b in pairs)
    for i, (a, b) in enumerate(pairs):
        gap = float(np.abs(a - b).max(initial=0.0))
        assert gap <= bound * scale, f"{what}: result {i} differs by {gap:.2g}, scale {scale:.2g}"


def fused(D: Callable, x: pg.Tensor, kind: str = "wgan-gp", **settings: object) -> pg.Tensor:
    """At x itself: both samples are x."""
    real, fake = (x, None) if kind == "r1" else (x, x)
    return pg.ops.gradient_penalty(D, real, fake, kind=kind, weight=1.0, fused=True, **settings)


def mlp(
    *widths: int, act: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2), seed: int = 0
) -> nn.Sequential:
    nn.init.seed(seed)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1]).to("float64")


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def gradients_of(value: pg.Tensor, params: list[pg.Tensor]) -> list[np.ndarray]:
    return [g.numpy() for g in pg.grad(value, params)]
