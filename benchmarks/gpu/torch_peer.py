"""The same layers and steps in PyTorch: TF32, bfloat16 and float32; eager, compiled, graphed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

Work = Callable[[], Any]
Maker = Callable[[], tuple[Work, float, Work]]
PRECISIONS = ("tf32", "bfloat16", "float32")
WAYS = ("eager", "compiled", "graphed")


def works(batch: int, width: int, rehearsal: bool) -> dict[str, Maker]:
    """Name -> a maker of (work, FLOP, wait). Empty, and said so, where PyTorch is missing."""
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its rows are missing")
        return {}
    from benchmarks.gpu.timing import LAYERS

    precisions = ("float32",) if rehearsal else PRECISIONS
    ways = ("eager",) if rehearsal else WAYS
    found: dict[str, Maker] = {}
    for precision in precisions:
        for layer, *shape in LAYERS:
            for kind in ("conv2d", "conv_transpose2d", "conv2d_weight_grad"):
                found[f"{layer} {kind}: torch {precision}"] = partial(
                    _conv, kind, *shape, batch, width, precision, rehearsal
                )
        for game in ("dcgan64", "critic64"):
            for way in ways:
                found[f"{game} step: torch {precision} {way}"] = partial(
                    _step, game, batch, width, precision, way, rehearsal
                )
    return found


def _setup(precision: str, rehearsal: bool) -> tuple[Any, str, Work]:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    wait = (lambda: None) if rehearsal else torch.cuda.synchronize
    return torch, "cpu" if rehearsal else "cuda", wait


def _conv(
    kind: str,
    size: int,
    cin: int,
    cout: int,
    batch: int,
    width: int,
    precision: str,
    rehearsal: bool,
) -> tuple[Work, float, Work]:
    torch, device, wait = _setup(precision, rehearsal)
    cin, cout = (c * width // 64 if c > 3 else c for c in (cin, cout))
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32

    def normal(*shape: int) -> Any:
        t = torch.randn(*shape, device=device, dtype=dtype)
        return t.to(memory_format=torch.channels_last)

    x, y = normal(batch, cin, size, size), normal(batch, cout, size // 2, size // 2)
    w = normal(cout, cin, 4, 4)
    flop = 2.0 * 16 * cin * y.numel()
    back = torch.ops.aten.convolution_backward

    def weight_grad() -> Any:
        mask = [False, True, False]
        return back(y, x, w, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, mask)[1]

    kinds = {
        "conv2d": lambda: torch.nn.functional.conv2d(x, w, stride=2, padding=1),
        "conv_transpose2d": lambda: torch.nn.functional.conv_transpose2d(y, w, stride=2, padding=1),
        "conv2d_weight_grad": weight_grad,
    }
    return kinds[kind], flop, wait


def _networks(torch: Any, width: int, norm: bool) -> tuple[Any, Any]:
    nn = torch.nn
    w = width

    def up(i: int, o: int) -> list[Any]:
        conv = nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False)
        return [conv, nn.BatchNorm2d(o), nn.ReLU(inplace=True)]

    def down(i: int, o: int) -> list[Any]:
        conv = nn.Conv2d(i, o, 4, 2, 1, bias=not norm)
        return [conv, *([nn.BatchNorm2d(o)] if norm else []), nn.LeakyReLU(0.2, inplace=not norm)]

    G = nn.Sequential(
        nn.Linear(100, 16 * 8 * w, bias=False),
        nn.Unflatten(1, (8 * w, 4, 4)),
        nn.BatchNorm2d(8 * w),
        nn.ReLU(inplace=True),
        *up(8 * w, 4 * w),
        *up(4 * w, 2 * w),
        *up(2 * w, w),
        nn.ConvTranspose2d(w, 3, 4, 2, 1),
        nn.Tanh(),
    )
    D = nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1),
        nn.LeakyReLU(0.2),
        *down(w, 2 * w),
        *down(2 * w, 4 * w),
        *down(4 * w, 8 * w),
        nn.Flatten(),
        nn.Linear(16 * 8 * w, 1),
    )
    return G, D


def _step(
    game: str, batch: int, width: int, precision: str, way: str, rehearsal: bool
) -> tuple[Work, float, Work]:
    torch, device, wait = _setup(precision, rehearsal)
    F = torch.nn.functional
    penalised = game == "critic64"
    G, D = _networks(torch, width, norm=not penalised)
    G, D = (m.to(device).to(memory_format=torch.channels_last) for m in (G, D))
    real = torch.rand(batch, 3, 64, 64, device=device) * 2 - 1
    real = real.to(memory_format=torch.channels_last)
    graphed = way == "graphed"
    how = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": not rehearsal, "capturable": graphed}
    if rehearsal:
        how = {"lr": 2e-4, "betas": (0.5, 0.999)}
    opt_d, opt_g = (torch.optim.Adam(m.parameters(), **how) for m in (D, G))
    cast = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")

    def d_loss() -> Any:
        with cast:
            with torch.no_grad():
                fake = G(torch.randn(batch, 100, device=device))
            if not penalised:
                return F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean()
            loss = D(fake).mean() - D(real).mean()
            u = torch.rand(batch, 1, 1, 1, device=device)
            x = (u * real + (1 - u) * fake).detach().requires_grad_(True)
            out = D(x)
        (g,) = torch.autograd.grad(out.float().sum(), x, create_graph=True)
        return loss + 10 * ((g.float().flatten(1).norm(dim=1) - 1) ** 2).mean()

    def g_loss() -> Any:
        with cast:
            return F.softplus(-D(G(torch.randn(batch, 100, device=device)))).mean()

    if way == "compiled":
        # torch.compile does not differentiate twice: with a penalty the networks stay eager
        if penalised:
            raise NotImplementedError("torch.compile cannot differentiate a backward pass")
        d_loss, g_loss = torch.compile(d_loss), torch.compile(g_loss)

    def step() -> None:
        opt_d.zero_grad(set_to_none=not graphed)
        d_loss().backward()
        opt_d.step()
        if penalised:
            return
        opt_g.zero_grad(set_to_none=not graphed)
        for p in D.parameters():
            p.requires_grad_(False)
        g_loss().backward()
        for p in D.parameters():
            p.requires_grad_(True)
        opt_g.step()

    if not graphed:
        return step, 0.0, wait
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay, 0.0, wait
