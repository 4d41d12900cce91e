"""How a step's time grows: with the batch, with the pixels, and what a second thread brings.

batch    the DCGAN-64 step (nf 64) at 16 to 256 images
pixels   the same layers on images of 32 to 128 pixels a side, batch 64: G begins at an extent of
         2 to 8 instead of 4, so that work grows exactly like the pixels
threads  the DCGAN-64 step with one and two threads, against the micro-kernel with one and two

A time is that of training: steps follow one another, and the first after another size or number of
threads is not counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

import pygan as pg
from benchmarks.machine import describe, round_trip
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
EXTENTS = (32, 48, 64, 96, 128)
SLOPE = (0.9, 1.05)
THREADS = 0.9  # of the micro-kernel's own gain
TURN = 0.15  # seconds that a timing lasts at least

Say = Callable[[str], None]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def _networks(extent: int, width: int = 64) -> tuple[Module, Module]:
    """The layers of DCGAN-64's G and D, for images of ``extent`` pixels, a multiple of 16."""
    inner, features = extent // 16, [8 * width, 4 * width, 2 * width, width]
    flat = inner * inner * features[0]
    g: list[Module] = [Linear(100, flat, bias=False), Reshape((inner, inner, features[0]))]
    d: list[Module] = []
    for i, c in enumerate(features):
        last = i == len(features) - 1
        out = 3 if last else features[i + 1]
        g += [BatchNorm(c), ReLU()]
        g += [ConvTranspose2d(c, out, 4, stride=2, padding=1, bias=last)]
        d[:0] = [LeakyReLU(0.2)] if last else [BatchNorm(c), LeakyReLU(0.2)]
        d.insert(0, Conv2d(out, c, 4, stride=2, padding=1, bias=last))
    G, D = Sequential(*g, Tanh()), Sequential(*d, Flatten(), Linear(flat, 1))
    pg.nn.init.dcgan_(G, seed=0, name="g")
    pg.nn.init.dcgan_(D, seed=0, name="d")
    return G, D


def _sized_step(extent: int, batch: int = 64) -> Callable[[], None]:
    G, D = _networks(extent)
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


def _time(run: Callable[[], None]) -> float:
    """Seconds of a run among others like it."""
    run()
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < TURN:
        run()
        count += 1
    return spent / count


def _seconds(runs: dict[int, Callable[[], None]], rounds: int, say: Say) -> dict[int, float]:
    """Medians over rounds in which all take turns."""
    for run in runs.values():
        for _ in range(3):  # eager, recorded, replayed
            run()
    times: dict[int, list[float]] = {x: [] for x in runs}
    for r in range(rounds):
        for x, run in runs.items():
            times[x].append(_time(run))
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
            seconds.append(_time(run))
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
    before = round_trip()
    say("batch sizes\n")
    batches = _seconds({n: _dcgan_step(n) for n in BATCHES}, rounds, say)
    say("\nextents\n")
    extents = _seconds({n: _sized_step(n) for n in EXTENTS}, rounds, say)
    series = [growth("batch", batches, False), growth("pixels", extents, True)]
    if threads >= 2:
        say("\nthreads\n")
        series.append(second_thread(rounds, say))
        pg.set_num_threads(threads)
    say("\n")
    trips = [before, round_trip()]
    return {
        "machine": {**describe(), "threads": threads, "round_trip_ns": trips},
        "series": series,
    }


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
LABELS = {"batch": "DCGAN-64 step against images", "pixels": "the same layers against pixels"}


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
