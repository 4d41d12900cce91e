"""pygan's side of the cases: the public API, as its own trainer uses it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pygan as pg
from benchmarks.targets.cases import Arrays, Part
from benchmarks.targets.work import Function, Work
from pygan.nn import Module
from pygan.random import Stream
from pygan.recording import Recorder
from pygan.train import update

NAME = f"pygan {pg.__version__}"


def set_threads(n: int) -> None:
    pg.set_num_threads(n)


def variants(part: Part) -> list[str]:
    return ["default"]


def make(part: Part, variant: str) -> Work:
    data, size = part.data(), part.size
    if part.kind == "matmul":
        a, b = pg.tensor(data["a"]), pg.tensor(data["b"])
        return Function(lambda: pg.ops.matmul(a, b), _array)
    if part.kind == "conv":
        return _conv(data, size["transposed"], size["kind"])
    image = part.kind.startswith("dcgan")
    return (_Penalty if part.kind == "dcgan_penalty" else _Step)(part, data, image)


def _array(y: object) -> np.ndarray:
    assert isinstance(y, pg.Tensor)
    return y.numpy()


def _conv(data: Arrays, transposed: bool, kind: str) -> Work:
    x, w, y = (pg.tensor(data[name]) for name in ("x", "w", "y"))
    how = {"stride": 2, "padding": 1}
    down = {"forward": "conv2d", "input_grad": "conv_transpose2d", "weight_grad": "weight_grad"}
    up = {"forward": "conv_transpose2d", "input_grad": "conv2d", "weight_grad": "weight_grad"}
    works = {
        "conv2d": lambda: pg.ops.conv2d(x, w, **how),
        "conv_transpose2d": lambda: pg.ops.conv_transpose2d(y, w, **how),
        "weight_grad": lambda: pg.ops.conv2d_weight_grad(x, y, 4, **how),
    }
    return Function(works[(up if transposed else down)[kind]], _array)


def networks(part: Part, data: Arrays) -> tuple[Module, Module]:
    """G and D of the case with its weights."""
    s = part.size
    if part.kind.startswith("dcgan"):
        shape = (s["image"], s["image"], s["channels"])
        norm = "batch" if s["norm"] else None
        G: Module = pg.models.DCGANGenerator(shape, latent=100, width=s["width"])
        D: Module = pg.models.DCGANDiscriminator(shape, width=s["width"], norm=norm)
    else:
        G = pg.models.MLPGenerator(2, latent=2, width=s["width"], depth=2)
        D = pg.models.MLPDiscriminator(2, width=s["width"], depth=2)
    for prefix, network in (("G.", G), ("D.", D)):
        for name, parameter in network.named_parameters():
            parameter.assign_(data[prefix + name])
    return G, D


class _Step(Work):
    """A step of D and G in the non-saturating game, or one update of a WGAN-GP critic."""

    def __init__(self, part: Part, data: Arrays, image: bool) -> None:
        self.critic = part.kind.endswith("critic")
        self.G, self.D = networks(part, data)
        self.game = pg.games.WGANGP() if self.critic else pg.games.NonSaturating()
        self.opt_d = self.game.d_optimizer.build(self.D.named_parameters())
        self.opt_g = self.game.g_optimizer.build(self.G.named_parameters())
        self.real, self.z_d, self.z_g, self.alpha = (
            pg.tensor(data[name]) for name in ("real", "z_d", "z_g", "alpha")
        )
        self.streams = {name: Stream(0, name) for name in ("bench.latent", "bench.alpha")}
        self.steps = Recorder()  # as in the trainer

    def _penalties(self, alpha: pg.Tensor) -> Sequence[update.Due]:
        return [(p, {"alpha": alpha}) for p in self.game.penalties]

    def check(self) -> dict[str, np.ndarray]:
        loss = update.d_loss(
            self.game, self.G, self.D, self.real, self.z_d, self._penalties(self.alpha)
        )
        found = _gradients("D", loss, self.D)
        if not self.critic:
            found |= _gradients("G", update.g_loss(self.game, self.G, self.D, self.z_g), self.G)
        return found

    def run(self) -> None:
        latent, alpha = self.streams["bench.latent"], self.streams["bench.alpha"]
        penalties = self._penalties(alpha.uniform((self.real.shape[0],))) if self.critic else []
        z = latent.normal(self.z_d.shape)
        update.discriminator_update(
            self.game, self.G, self.D, self.opt_d, self.real, z, penalties, self.steps
        )
        if not self.critic:
            z = latent.normal(self.z_g.shape)
            update.generator_update(self.game, self.G, self.D, self.opt_g, z, self.steps)


class _Penalty(Work):
    """The gradient penalty at given points, and its gradient in every weight."""

    def __init__(self, part: Part, data: Arrays, image: bool) -> None:
        self.G, self.D = networks(part, data)
        self.real, self.alpha = pg.tensor(data["real"]), pg.tensor(data["alpha"])
        with pg.no_grad():
            self.fake = pg.tensor(np.roll(data["real"], 1, axis=0))

    def value(self) -> pg.Tensor:
        return pg.ops.gradient_penalty(
            self.D, self.real, self.fake, kind="wgan-gp", weight=10.0, alpha=self.alpha
        )

    def check(self) -> dict[str, np.ndarray]:
        return _gradients("D", self.value(), self.D)

    def run(self) -> None:
        pg.grad(self.value(), self.D.parameters())

    def passes(self) -> float:
        """Convolution FLOPs of value and gradients over those of the critic's forward."""
        with pg.trace() as events:
            self.run()
        with pg.trace() as forward, pg.no_grad():
            self.D(self.real)
        return _conv_flops(events) / _conv_flops(forward)


def _conv_flops(events: list[dict]) -> float:
    return sum(e["flops"] for e in events if e["op"].startswith("conv"))


def _gradients(prefix: str, loss: pg.Tensor, network: Module) -> dict[str, np.ndarray]:
    named = network.named_parameters()
    grads = pg.grad(loss, [p for _, p in named])
    found = {f"{prefix}.{name}": g.numpy() for (name, _), g in zip(named, grads, strict=True)}
    return {f"{prefix} loss": loss.numpy(), **found}
