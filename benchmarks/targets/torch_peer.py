"""PyTorch's side of the cases, in its best forms: layout, compilation, no unneeded gradients.

Layouts are converted outside the timed work. A variant is "contiguous" or "channels_last", and
"eager" or "compiled"; torch.compile does not differentiate a backward pass, so the penalties run
eagerly.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.targets.cases import Arrays, Part, plan
from benchmarks.targets.work import Function, Work

NAME = f"PyTorch {torch.__version__}"


def set_threads(n: int) -> None:
    torch.set_num_threads(n)


def variants(part: Part) -> list[str]:
    if part.kind == "matmul":
        return ["eager"]
    if part.kind == "conv":
        return ["contiguous", "channels_last"]
    compiled = [] if part.kind in ("dcgan_critic", "dcgan_penalty", "mlp_critic") else ["compiled"]
    if os.environ.get("PYGAN_BENCH_COMPILE") == "0":
        compiled = []
    if part.kind.startswith("mlp"):
        return ["eager", *compiled]
    layouts = ("contiguous", "channels_last")
    return [f"{layout} {way}" for layout in layouts for way in ("eager", *compiled)]


def make(part: Part, variant: str) -> Work:
    data = part.data()
    if part.kind == "matmul":
        a, b = torch.from_numpy(data["a"]), torch.from_numpy(data["b"])
        out = torch.empty(a.shape[0], b.shape[1])
        return Function(lambda: torch.matmul(a, b, out=out), lambda y: np.asarray(y))
    if part.kind == "conv":
        return _conv(data, part.size["transposed"], part.size["kind"], variant)
    return _Step(part, data, variant)


def _nchw(x: np.ndarray, variant: str = "contiguous") -> torch.Tensor:
    t = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    return t.to(memory_format=torch.channels_last) if "channels_last" in variant else t


def _weight(w: np.ndarray, variant: str = "contiguous") -> torch.Tensor:
    """(kh, kw, in, out) -> (out, in, kh, kw)"""
    t = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
    return t.to(memory_format=torch.channels_last) if "channels_last" in variant else t


def _conv(data: Arrays, transposed: bool, kind: str, variant: str) -> Work:
    x, y = _nchw(data["x"], variant), _nchw(data["y"], variant)
    w = _weight(data["w"], variant)  # a transposed convolution's weight is (in, out, kh, kw)
    source, result = (y, x) if transposed else (x, y)
    forward = F.conv_transpose2d if transposed else F.conv2d
    masks = {"input_grad": [True, False, False], "weight_grad": [False, True, False]}

    def run() -> torch.Tensor:
        if kind == "forward":
            return forward(source, w, stride=2, padding=1)
        grads = torch.ops.aten.convolution_backward(
            result, source, w, None, [2, 2], [1, 1], [1, 1], transposed, [0, 0], 1, masks[kind]
        )
        return grads[0] if kind == "input_grad" else grads[1]

    def array(y: Any) -> np.ndarray:
        return y.numpy().transpose((2, 3, 1, 0) if kind == "weight_grad" else (0, 2, 3, 1))

    return Function(run, array)


class _Permute(nn.Module):
    """NCHW <-> the order in which pygan flattens: NHWC."""

    def __init__(self, extent: int, features: int, flatten: bool) -> None:
        super().__init__()
        self.shape, self.flatten = (extent, extent, features), flatten

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.flatten:
            return x.permute(0, 2, 3, 1).reshape(len(x), -1)
        return x.view(-1, *self.shape).permute(0, 3, 1, 2)


def _dcgan(image: int, channels: int, width: int, norm: bool, **_: int) -> tuple[Any, Any]:
    hidden = plan(image, width)
    inner = hidden[0]
    flat = inner[0] ** 2 * inner[1]
    g: dict[str, nn.Module] = {"project": nn.Linear(100, flat, bias=False)}
    g["reshape"] = _Permute(*inner, flatten=False)
    for i, (_, features) in enumerate(hidden):
        if i:
            g[f"up{i}"] = nn.ConvTranspose2d(hidden[i - 1][1], features, 4, 2, 1, bias=False)
        g[f"norm{i}"] = nn.BatchNorm2d(features)
        g[f"relu{i}"] = nn.ReLU(inplace=True)
    g["out"] = nn.ConvTranspose2d(hidden[-1][1], channels, 4, 2, 1)
    g["tanh"] = nn.Tanh()
    d: dict[str, nn.Module] = {}
    before = channels
    for i, (_, features) in enumerate(reversed(hidden)):
        normed = norm and i > 0
        d[f"down{i}"] = nn.Conv2d(before, features, 4, 2, 1, bias=not normed)
        if normed:
            d[f"norm{i}"] = nn.BatchNorm2d(features)
        d[f"lrelu{i}"] = nn.LeakyReLU(0.2, inplace=norm)
        before = features
    d["flatten"] = _Permute(*inner, flatten=True)
    d["out"] = nn.Linear(flat, 1)
    return _sequential(g), _sequential(d)


def _mlp(width: int, **_: int) -> tuple[Any, Any]:
    def network(out: int, activation: nn.Module) -> Any:
        layers: dict[str, nn.Module] = {}
        for i, n in enumerate((2, width)):
            layers[f"linear{i}"] = nn.Linear(n, width)
            layers[f"act{i}"] = activation
        layers["out"] = nn.Linear(width, out)
        return _sequential(layers)

    return network(2, nn.ReLU()), network(1, nn.LeakyReLU(0.2))


def _sequential(layers: dict[str, nn.Module]) -> nn.Sequential:
    net = nn.Sequential()
    for name, layer in layers.items():
        net.add_module(name, layer)
    return net


class _Step(Work):
    """A step of D and G, one update of a critic, or the penalty alone."""

    def __init__(self, part: Part, data: Arrays, variant: str) -> None:
        self.kind = part.kind
        image = part.kind.startswith("dcgan")
        self.G, self.D = (_dcgan if image else _mlp)(**part.size)
        for prefix, network in (("G", self.G), ("D", self.D)):
            _load(network, prefix, data)
            if "channels_last" in variant:
                network.to(memory_format=torch.channels_last)
        self.real = _nchw(data["real"], variant) if image else torch.from_numpy(data["real"])
        self.z_d, self.z_g = torch.from_numpy(data["z_d"]), torch.from_numpy(data["z_g"])
        self.alpha = torch.from_numpy(data["alpha"])
        self.critic = part.kind.endswith("critic")
        how = (
            {"lr": 1e-4, "betas": (0.0, 0.9)}
            if self.critic
            else {"lr": 2e-4, "betas": (0.5, 0.999)}
        )
        self.opt_d = torch.optim.Adam(self.D.parameters(), fused=True, **how)
        self.opt_g = torch.optim.Adam(self.G.parameters(), fused=True, **how)
        self.d_loss, self.g_loss = self._d_loss, self._g_loss
        if "compiled" in variant:
            self.d_loss = torch.compile(self._d_loss)
            self.g_loss = torch.compile(self._g_loss)

    def _fake(self, z: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.G(z)

    def _d_loss(self, real: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return F.softplus(-self.D(real)).mean() + F.softplus(self.D(self._fake(z))).mean()

    def _g_loss(self, z: torch.Tensor) -> torch.Tensor:
        return F.softplus(-self.D(self.G(z))).mean()

    def _penalty(self, real: torch.Tensor, fake: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        u = u.view(-1, *[1] * (real.dim() - 1))
        x = (u * real + (1 - u) * fake).requires_grad_(True)
        (g,) = torch.autograd.grad(self.D(x).sum(), x, create_graph=True)
        return 10.0 * ((g.flatten(1).norm(dim=1) - 1) ** 2).mean()

    def _critic_loss(
        self, real: torch.Tensor, z: torch.Tensor, alpha: torch.Tensor
    ) -> torch.Tensor:
        fake = self._fake(z)
        loss = self.D(fake).mean() - self.D(real).mean()
        return loss + self._penalty(real, fake, alpha)

    def check(self) -> dict[str, np.ndarray]:
        if self.kind == "dcgan_penalty":
            fake = torch.roll(self.real, 1, 0)
            return _gradients("D", self._penalty(self.real, fake, self.alpha), self.D)
        if self.critic:
            return _gradients("D", self._critic_loss(self.real, self.z_d, self.alpha), self.D)
        found = _gradients("D", self.d_loss(self.real, self.z_d), self.D)
        return found | _gradients("G", self.g_loss(self.z_g), self.G)

    def run(self) -> None:
        if self.kind == "dcgan_penalty":
            fake = torch.roll(self.real, 1, 0)
            loss = self._penalty(self.real, fake, self.alpha)
            torch.autograd.grad(loss, list(self.D.parameters()), allow_unused=True)
            return
        self.opt_d.zero_grad(set_to_none=True)
        z = torch.randn_like(self.z_d)
        if self.critic:
            loss = self._critic_loss(self.real, z, torch.rand_like(self.alpha))
        else:
            loss = self.d_loss(self.real, z)
        loss.backward()
        self.opt_d.step()
        if self.critic:
            return
        self.opt_g.zero_grad(set_to_none=True)
        for p in self.D.parameters():
            p.requires_grad_(False)
        self.g_loss(torch.randn_like(self.z_g)).backward()
        for p in self.D.parameters():
            p.requires_grad_(True)
        self.opt_g.step()


def _load(network: Any, prefix: str, data: Arrays) -> None:
    with torch.no_grad():
        for name, p in network.named_parameters():
            p.copy_(_to_torch(data[f"{prefix}.{name}"]))


def _to_torch(w: np.ndarray) -> torch.Tensor:
    if w.ndim == 4:  # of both kinds of convolution: (kh, kw, a, b) -> (b, a, kh, kw)
        return _weight(w)
    return torch.from_numpy(np.ascontiguousarray(w.T))


def _gradients(prefix: str, loss: torch.Tensor, network: Any) -> dict[str, np.ndarray]:
    named = list(network.named_parameters())
    grads = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
    found = {f"{prefix} loss": loss.detach().numpy()}
    for (name, p), g in zip(named, grads, strict=True):
        a = (torch.zeros_like(p) if g is None else g).numpy()
        found[f"{prefix}.{name}"] = a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T
    return found
