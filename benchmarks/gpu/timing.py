"""pygan's float32 and TF32 beside PyTorch on the same GPU: layers, and whole steps of a DCGAN-64.

PyTorch's rows come first and in its own best forms: TF32, bfloat16 (which pygan does not have
yet) and float32; eager, compiled, and captured in a CUDA graph. Times are medians of rounds of many
iterations between two synchronisations, so they contain what a user waits for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import pygan as pg
from benchmarks.gpu import torch_peer
from benchmarks.gpu.run import Run, synchronize

Work = Callable[[], Any]
Maker = Callable[[], tuple[Work, float, Work]]

# pygan's: float32 throughout, or TF32 inputs of products (pygan.set_float32_matmul_precision)
PRECISIONS = {"float32": "highest", "tf32": "high"}

# DCGAN-64's layers: name, input size, input channels, output channels; 4x4, stride 2, padding 1
LAYERS = [("D1", 64, 3, 64), ("D2", 32, 64, 128), ("D3", 16, 128, 256), ("D4", 8, 256, 512)]


def time_work(work: Work, wait: Work, seconds: float, rounds: int = 7) -> dict[str, float]:
    """ms an iteration: median, fastest and slowest of the rounds, which last about ``seconds``."""
    for _ in range(3):
        work()
    wait()
    start = time.perf_counter()
    work()
    wait()
    once = max(time.perf_counter() - start, 1e-6)
    count = max(1, int(seconds / rounds / once))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(count):
            work()
        wait()
        times.append((time.perf_counter() - start) / count * 1e3)
    return {"ms": median(times), "ms_low": min(times), "ms_high": max(times)}


def measure(run: Run) -> int:
    """One row a (work, implementation)."""
    batch, width, seconds = (2, 4, 0.02) if run.rehearsal else (128, 64, 1.0)
    makers = {**torch_peer.works(batch, width, run.rehearsal), **_works(batch, width, run.device)}
    failed = 0
    for name in run.todo(makers):
        row: dict[str, Any] = {"name": name, "batch": batch, "width": width}
        try:
            work, flop, wait = makers[name]()
            if run.rehearsal:  # a time of the emulator says nothing
                work()
                wait()
                print(f"{name}: ran")
                run.add(row)
                continue
            row.update(time_work(work, wait, seconds))
            row["tflops"] = flop / row["ms"] / 1e9 if flop else None
            print(
                f"{name:44} {row['ms']:9.3f} ms"
                + (f" {row['tflops']:7.1f} TFLOP/s" if flop else "")
            )
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"[:500]
            print(f"{name:44} failed: {row['error']}")
            failed += 1
        run.add(row)
    return run.finish(failed)


def _works(batch: int, width: int, device: str) -> dict[str, Maker]:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> pg.Tensor:
        return pg.tensor(rng.standard_normal(shape, dtype=np.float32), device=device)

    def wait() -> None:
        synchronize(device)

    def conv(kind: str, size: int, cin: int, cout: int) -> tuple[Work, float, Work]:
        cin, cout = (c * width // 64 if c > 3 else c for c in (cin, cout))
        x, w = normal(batch, size, size, cin), normal(4, 4, cin, cout)
        y = normal(batch, size // 2, size // 2, cout)
        flop = 2.0 * 16 * cin * y.size
        how = {"stride": 2, "padding": 1}
        works = {
            "conv2d": lambda: pg.ops.conv2d(x, w, **how),
            "conv_transpose2d": lambda: pg.ops.conv_transpose2d(y, w, **how),
            "conv2d_weight_grad": lambda: pg.ops.conv2d_weight_grad(x, y, 4, **how),
        }
        return works[kind], flop, wait

    def step(game: str) -> tuple[Work, float, Work]:
        return _step(game, batch, width, device), 0.0, wait

    def in_precision(precision: str, make: Maker) -> tuple[Work, float, Work]:
        pg.set_float32_matmul_precision(PRECISIONS[precision])
        return make()

    found: dict[str, Maker] = {}
    for precision in PRECISIONS:
        for layer, *shape in LAYERS:
            for kind in ("conv2d", "conv_transpose2d", "conv2d_weight_grad"):
                make = partial(conv, kind, *shape)
                found[f"{layer} {kind}: pygan {precision}"] = partial(in_precision, precision, make)
        for game in ("dcgan64", "critic64"):
            make = partial(step, game)
            found[f"{game} step: pygan {precision}"] = partial(in_precision, precision, make)
    return found


def _step(game: str, batch: int, width: int, device: str) -> Work:
    """A DCGAN-64 step (D and G), or one critic's update of WGAN-GP."""
    penalised = game == "critic64"
    G = pg.models.DCGANGenerator((64, 64, 3), latent=100, width=width)
    D = pg.models.DCGANDiscriminator((64, 64, 3), width=width, norm=None if penalised else "batch")
    G.to(device)
    D.to(device)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * batch, 64, 64, 3), dtype=np.uint8)
    rules = pg.games.WGANGP() if penalised else pg.games.NonSaturating()
    trainer = pg.Trainer(G, D, game=rules, data=images, batch_size=batch, seed=0)
    return trainer.discriminator_step if penalised else trainer.train_step
