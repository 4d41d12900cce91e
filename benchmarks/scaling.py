"""How a step's time grows: with the batch, with the pixels, and what a second thread brings.

batch    the DCGAN-64 step (nf 64) at 16 to 256 images
pixels   the DCGAN step on images of 16 to 128 pixels a side, batch 32. The first layer's width
         is such that all of them end at 4x4x512, with twice the features at half the extent:
         then each further layer costs what the others cost, and work would grow like the number
         of layers. So features are the same in all layers here, 64: a layer at twice the extent
         costs four times as much, and the sum grows like the pixels
threads  the DCGAN-64 step with one and two threads, against the micro-kernel with one and two
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

import pygan as pg
from benchmarks.machine import describe
from benchmarks.svg import Axes, frame, text
from benchmarks.targets.cases import dcgan
from benchmarks.targets.pygan_peer import make
from pygan.games import NonSaturating
from pygan.nn import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    ReLU,
    Reshape,
    Sequential,
    Tanh,
)
from pygan.random import Stream
from pygan.recording import Recorder
from pygan.train import update

BATCHES = (16, 32, 64, 128, 256)
EXTENTS = (16, 32, 64, 128)
SLOPE = (0.9, 1.05)
THREADS = 0.9  # of the micro-kernel's own gain

Say = Callable[[str], None]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def _plain(extent: int, width: int) -> tuple[Module, Module]:
    """G and D with the same number of features in every layer."""
    layers = round(math.log2(extent / 4))
    g: list[Module] = [Linear(100, 16 * width, bias=False), Reshape((4, 4, width))]
    d: list[Module] = []
    for i in range(layers):
        last, first = i == layers - 1, i == 0
        g += [BatchNorm(width), ReLU()]
        g += [ConvTranspose2d(width, 3 if last else width, 4, stride=2, padding=1, bias=last)]
        d += [Conv2d(3 if first else width, width, 4, stride=2, padding=1, bias=first)]
        d += [LeakyReLU(0.2)] if first else [BatchNorm(width), LeakyReLU(0.2)]
    G, D = Sequential(*g, Tanh()), Sequential(*d, Flatten(), Linear(16 * width, 1))
    pg.nn.init.dcgan_(G, seed=0, name="g")
    pg.nn.init.dcgan_(D, seed=0, name="d")
    return G, D


def _plain_step(extent: int, batch: int) -> Callable[[], None]:
    G, D = _plain(extent, 64)
    game, steps, latent = NonSaturating(), Recorder(), Stream(0, "bench.scaling")
    opt_d = game.d_optimizer.build(D.named_parameters())
    opt_g = game.g_optimizer.build(G.named_parameters())
    rng = np.random.default_rng(0)
    real = pg.tensor(np.tanh(rng.standard_normal((batch, extent, extent, 3), np.float32)))

    def run() -> None:
        z = latent.normal((batch, 100))
        update.discriminator_update(game, G, D, opt_d, real, z, [], steps)
        update.generator_update(game, G, D, opt_g, latent.normal((batch, 100)), steps)

    return run


def _dcgan_step(batch: int) -> Callable[[], None]:
    return make(dcgan("dcgan_step", 64, 3, 64, batch), "default").run


def _seconds(runs: dict[int, Callable[[], None]], rounds: int, say: Say) -> dict[int, float]:
    """Medians over rounds in which all take turns."""
    for run in runs.values():
        for _ in range(3):  # eager, recorded, replayed
            run()
    times: dict[int, list[float]] = {x: [] for x in runs}
    for r in range(rounds):
        for x, run in runs.items():
            start = time.perf_counter()
            run()
            times[x].append(time.perf_counter() - start)
        say(f"\rround {r + 1} of {rounds} ")
    return {x: median(t) for x, t in times.items()}


def growth(name: str, times: dict[int, float], squared: bool) -> dict[str, Any]:
    """The series and its slope against x, or x squared."""
    xs = [float(x**2 if squared else x) for x in times]
    found = slope(xs, list(times.values()))
    return {
        "series": name,
        "x": xs,
        "ms": [1e3 * t for t in times.values()],
        "slope": found,
        "good": SLOPE[0] <= found <= SLOPE[1],
    }


def second_thread(rounds: int, say: Say) -> dict[str, Any]:
    """What the second thread brings the step, over what it brings the micro-kernel."""
    run = _dcgan_step(64)
    for _ in range(3):
        run()
    gains, peaks, shares = [], [], []
    for r in range(rounds):
        seconds, rates = [], []
        for threads in (1, 2):
            pg.set_num_threads(threads)
            rates.append(pg._core.micro_kernel_peak("float32", threads, 0.2))
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
            rates[-1] = (rates[-1] + pg._core.micro_kernel_peak("float32", threads, 0.2)) / 2
        gains.append(seconds[0] / seconds[1])
        peaks.append(rates[1] / rates[0])
        shares.append(gains[-1] / peaks[-1])
        say(f"\rround {r + 1} of {rounds} ")
    share = median(shares)
    return {
        "series": "threads",
        "step": median(gains),
        "micro_kernel": median(peaks),
        "share": share,
        "good": share >= THREADS,
    }


def run(rounds: int, threads: int, say: Say) -> dict[str, Any]:
    """All three, with the machine."""
    pg.set_num_threads(threads)
    say("batch sizes\n")
    batches = _seconds({n: _dcgan_step(n) for n in BATCHES}, rounds, say)
    say("\nextents\n")
    extents = _seconds({n: _plain_step(n, 32) for n in EXTENTS}, rounds, say)
    series = [growth("batch", batches, False), growth("pixels", extents, True)]
    if threads >= 2:
        say("\nthreads\n")
        series.append(second_thread(rounds, say))
        pg.set_num_threads(threads)
    say("\n")
    return {"machine": {**describe(), "threads": threads}, "series": series}


def lines(result: dict[str, Any]) -> list[str]:
    """What the terminal shows."""
    out = []
    for s in result["series"]:
        verdict = "" if s["good"] else "  MISSED"
        if s["series"] == "threads":
            out.append(
                f"threads: the second brings the step {s['step']:.2f}x, the micro-kernel "
                f"{s['micro_kernel']:.2f}x: {s['share']:.1%}, at least {THREADS:.0%}{verdict}"
            )
            continue
        times = ", ".join(f"{x:g}: {t:.1f} ms" for x, t in zip(s["x"], s["ms"], strict=True))
        out.append(
            f"{s['series']}: slope {s['slope']:.3f}, from {SLOPE[0]} to {SLOPE[1]}{verdict}; "
            f"{times}"
        )
    return out


COLOURS = {"batch": "#1f6fb2", "pixels": "#c2571a"}
LABELS = {"batch": "DCGAN-64 step against images", "pixels": "step of 64 features against pixels"}


def plot(result: dict[str, Any]) -> str:
    """Times against batch and pixels, each with its line, as SVG."""
    series = [s for s in result["series"] if "x" in s]
    xs, ys = ([v for s in series for v in s[key]] for key in ("x", "ms"))
    axes = Axes((min(xs) / 1.6, max(xs) * 1.6), (min(ys) / 2, max(ys) * 2))
    machine = result["machine"]
    subtitle = f"{machine['cpu']}, {machine['threads']} threads"
    out = frame(axes, "Time of a step", subtitle, "images, or pixels of an image", "ms")
    for i, s in enumerate(series):
        colour = COLOURS[s["series"]]
        points = [axes.at(x, y) for x, y in zip(s["x"], s["ms"], strict=True)]
        middle = [math.exp(float(np.mean(np.log(s[key])))) for key in ("x", "ms")]
        ends = [(x, middle[1] * (x / middle[0]) ** s["slope"]) for x in (s["x"][0], s["x"][-1])]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in (axes.at(*e) for e in ends))
        out.append(f'<path d="M{line}" stroke="{colour}" fill="none"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        label = f"{LABELS[s['series']]}: slope {s['slope']:.3f}"
        out.append(f'<circle cx="480" cy="{460 - 20 * i}" r="5" fill="{colour}"/>')
        out.append(text(492, 464 - 20 * i, label))
    out.append("</svg>")
    return "\n".join(out) + "\n"
