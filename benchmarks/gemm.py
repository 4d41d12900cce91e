"""The matrix engine at the layers of a DCGAN-64 (nf 64, batch 64), against its own micro-kernel.

GFLOP are nominal, counted from shapes. The peak is the bare micro-kernel on operands that stay in
the first-level cache, measured in the same process, before every case: shares of it, not of a
data sheet. Medians over rounds.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

import pygan as pg

BATCH = 64
# name, input height and width, input channels, output channels; kernel 4, stride 2, padding 1
STRIDED = [("D1", 64, 3, 64), ("D2", 32, 64, 128), ("D3", 16, 128, 256), ("D4", 8, 256, 512)]
MIRROR = {"D1": "G5", "D2": "G4", "D3": "G3", "D4": "G2"}
SHARE = 0.60  # of the peak, demanded of D2 to D4 and G2 to G4

Case = tuple[str, str, float, bool, Callable[[], Any]]  # layer, pass, FLOP, bound?, run


def _normal(rng: np.random.Generator, *shape: int) -> pg.Tensor:
    return pg.tensor(rng.standard_normal(shape, dtype=np.float32))


def cases() -> Iterator[Case]:
    """Every layer's forward, input gradient and weight gradient, and the plain matrix products."""
    rng = np.random.default_rng(0)
    conv = {"stride": 2, "padding": 1}
    for layer, size, cin, cout in STRIDED:
        half = size // 2
        x, w = _normal(rng, BATCH, size, size, cin), _normal(rng, 4, 4, cin, cout)
        y = _normal(rng, BATCH, half, half, cout)
        m, k = BATCH * half * half, 16 * cin
        flop, bound = 2.0 * m * k * cout, layer != "D1"
        a, b = _normal(rng, m, k), _normal(rng, k, cout)
        yield layer, "conv2d", flop, bound, lambda x=x, w=w: pg.ops.conv2d(x, w, **conv)
        yield (
            MIRROR[layer],
            "conv_transpose2d",
            flop,
            bound,
            lambda y=y, w=w: pg.ops.conv_transpose2d(y, w, **conv),
        )
        yield (
            layer,
            "conv2d_weight_grad",
            flop,
            bound,
            lambda x=x, y=y: pg.ops.conv2d_weight_grad(x, y, 4, **conv),
        )
        yield layer, f"matmul {m}x{cout}x{k}", flop, bound, lambda a=a, b=b: pg.ops.matmul(a, b)
    x, w = _normal(rng, BATCH, 4, 4, 512), _normal(rng, 4, 4, 512, 1)
    yield "D5", "conv2d", 2.0 * BATCH * 8192, False, lambda x=x, w=w: pg.ops.conv2d(x, w)
    z, p = _normal(rng, BATCH, 100), _normal(rng, 100, 8192)
    yield "G1", "matmul", 2.0 * BATCH * 8192 * 100, False, lambda z=z, p=p: pg.ops.matmul(z, p)


def measure(rounds: int = 9, report: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Times every case; one dict each with layer, pass, ms, gflops, share of the peak, bound."""
    rows = []
    threads = pg.get_num_threads()
    for layer, kind, flop, bound, run in cases():
        run()
        rates, peaks = [], []
        for _ in range(rounds):
            peaks.append(pg._core.micro_kernel_peak("float32", threads, 0.02))
            count = max(1, int(0.02 * peaks[-1] * 1e9 / flop))
            start = time.perf_counter()
            for _ in range(count):
                run()
            rates.append(flop * count / (time.perf_counter() - start) / 1e9)
        share = median(r / p for r, p in zip(rates, peaks, strict=True))
        rows.append(
            {
                "layer": layer,
                "pass": kind,
                "ms": flop / median(rates) / 1e6,
                "gflops": median(rates),
                "peak": median(peaks),
                "share": share,
                "bound": SHARE if bound else None,
            }
        )
        demand = f"at least {SHARE:.0%}" if bound else "no bound"
        report(
            f"{layer:3} {kind:28} {rows[-1]['ms']:8.2f} ms {rows[-1]['gflops']:7.0f} GFLOP/s"
            f"  {share:6.1%} of {rows[-1]['peak']:.0f}  ({demand})"
        )
    return rows
