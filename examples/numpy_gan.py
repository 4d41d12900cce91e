"""A GAN in NumPy alone: two small networks, a tape, Adam; eight Gaussians on a circle.

    python examples/numpy_gan.py [STEPS]

    D:  softplus(-D(x)) + softplus(D(G(z))) + gamma / 2 |dD/dx|^2      mean over the batch
    G:  softplus(-D(G(z)))                                             (Goodfellow et al. 2014)

The last term of D's loss is the R1 penalty on real points (Mescheder, Geiger and Nowozin 2018): a
derivative inside a loss, so D's gradients take a double backward.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np

from pygan.reference.tape import Tape, Var

LATENT, WIDTH, BATCH, GAMMA, RATE = 4, 64, 256, 0.1, 2e-3
CENTRES = 2 * np.stack([(np.cos(a), np.sin(a)) for a in 2 * np.pi * np.arange(8) / 8])
Network = list[tuple[Var, Var]]


def ring(rng: np.random.Generator, n: int = BATCH) -> np.ndarray:
    """(n, 2): Gaussians of deviation 0.05 on a circle of radius 2."""
    return CENTRES[rng.integers(8, size=n)] + 0.05 * rng.standard_normal((n, 2))


def network(rng: np.random.Generator, *sizes: int) -> Network:
    """Weights (in, out) of variance 2 / in (He et al. 2015) and biases (out,)."""
    return [
        (Var(rng.standard_normal((n, m)) * np.sqrt(2 / n)), Var(np.zeros(m)))
        for n, m in pairwise(sizes)
    ]


def run(tape: Tape, layers: Network, x: Var | np.ndarray) -> Var:
    """x W + b, leaky ReLU between layers."""
    for i, (w, b) in enumerate(layers):
        x = tape.leaky_relu(x, negative_slope=0.2) if i else x
        x = tape.add(tape.matmul(x, w), b)
    return x


def parameters(layers: Network) -> list[Var]:
    return [p for layer in layers for p in layer]


def d_loss(tape: Tape, d: Network, real: np.ndarray, fake: np.ndarray) -> Var:
    """Non-saturating loss of D with the R1 penalty."""
    x = Var(real)
    out = run(tape, d, x)
    (g,) = tape.grad(tape.sum(out), [x])  # row b: dD(x_b) / dx_b, as D takes each row by itself
    penalty = tape.scale(tape.mean(tape.sum(tape.square(g), axis=1)), a=GAMMA / 2)
    on_real = tape.mean(tape.softplus(tape.neg(out)))
    on_fake = tape.mean(tape.softplus(run(tape, d, fake)))
    return tape.add(tape.add(on_real, on_fake), penalty)


def g_loss(tape: Tape, g: Network, d: Network, z: np.ndarray) -> Var:
    return tape.mean(tape.softplus(tape.neg(run(tape, d, run(tape, g, z)))))


class Adam:
    """Kingma and Ba 2015, with beta1 = 0: no momentum between two players."""

    def __init__(self, params: list[Var]) -> None:
        self.params, self.t = params, 0
        self.v = [np.zeros_like(p.value) for p in params]

    def step(self, grads: list[Var], rate: float, beta: float = 0.99) -> None:
        self.t += 1
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.v[i] = beta * self.v[i] + (1 - beta) * g.value**2
            p.value = p.value - rate * g.value / (np.sqrt(self.v[i] / (1 - beta**self.t)) + 1e-8)


def train(steps: int, seed: int = 0, report: int = 0) -> tuple[Network, Network]:
    """(G, D) after ``steps`` steps of each."""
    rng = np.random.default_rng(seed)
    g, d = network(rng, LATENT, WIDTH, WIDTH, 2), network(rng, 2, WIDTH, WIDTH, 1)
    g_adam, d_adam = Adam(parameters(g)), Adam(parameters(d))
    for step in range(1, steps + 1):
        fake = run(Tape(), g, rng.standard_normal((BATCH, LATENT))).value
        tape = Tape()
        loss_d = d_loss(tape, d, ring(rng), fake)
        rate = RATE * (1 - step / (steps + 1))
        d_adam.step(tape.grad(loss_d, parameters(d)), rate)
        tape = Tape()
        loss_g = g_loss(tape, g, d, rng.standard_normal((BATCH, LATENT)))
        g_adam.step(tape.grad(loss_g, parameters(g)), rate)
        if report and step % report == 0:
            modes, close = score(g)
            print(
                f"step {step:5}  D {loss_d.value:.3f}  G {loss_g.value:.3f}  "
                f"{modes} modes, {close:.0%} of samples on them"
            )
    return g, d


def score(g: Network, n: int = 2000) -> tuple[int, float]:
    """(modes with more than 2% of the samples, share of samples within 4 deviations of a mode)."""
    z = np.random.default_rng(1).standard_normal((n, LATENT))
    distance = np.linalg.norm(run(Tape(), g, z).value[:, None] - CENTRES, axis=2)
    close = distance.min(axis=1) < 4 * 0.05
    counts = np.bincount(distance.argmin(axis=1)[close], minlength=8)
    return int((counts > 0.02 * n).sum()), float(close.mean())


if __name__ == "__main__":
    train(int(sys.argv[1]) if len(sys.argv) > 1 else 3000, report=250)
