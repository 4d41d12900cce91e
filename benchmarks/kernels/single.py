"""One operation at a shape given on the command line: a kernel writer's question."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

import pygan as pg
from benchmarks import roofline
from benchmarks.kernels import sizes
from benchmarks.kernels.cases import CASES
from benchmarks.kernels.pygan_peer import Engine
from benchmarks.kernels.run import rows_of
from benchmarks.targets.work import Work

SECONDS = 0.1


def parse_shape(text: str) -> tuple[int, ...]:
    """ "64x32x32x3" -> (64, 32, 32, 3); "" or "scalar": (). ValueError otherwise."""
    if text in ("", "scalar"):
        return ()
    try:
        shape = tuple(int(part) for part in text.split("x"))
    except ValueError:
        shape = (-1,)
    if min(shape) < 0:
        raise ValueError(f"--shape {text}: expected extents joined by x, such as 64x32x32x3")
    return shape


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """["stride=2", "axes=(0, 2, 1)"] -> {"stride": 2, ...}; what is no literal stays a string."""
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set {text}: expected name=value, such as stride=2")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings


def example(name: str, shapes: Sequence[str], settings: Sequence[str]) -> sizes.Example:
    """The timed example with other shapes and settings. ValueError where they do not fit it."""
    usual = sizes.example(name)
    if shapes and len(shapes) != len(usual.inputs):
        wanted = " ".join(
            f"--shape {'x'.join(map(str, x.shape)) or 'scalar'}" for x in usual.inputs
        )
        raise ValueError(
            f"{name} has {len(usual.inputs)} inputs, "
            f"{len(shapes)} shapes were given; as usual: {wanted}"
        )
    inputs = list(usual.inputs)
    for i, text in enumerate(shapes):
        shape, x = parse_shape(text), usual.inputs[i]
        if x.dtype.kind == "f":
            inputs[i] = sizes.normal(*shape, seed=i)
            if x.size and x.min() >= 0:  # what must not be negative
                inputs[i] = np.abs(inputs[i]) + np.float32(0.1)
        elif shape != x.shape:
            raise ValueError(f"{name}: input {i} holds indices, its shape stays {x.shape}")
    return sizes.Example(tuple(inputs), {**usual.hyper, **parse_settings(settings)})


def seconds_of(work: Work) -> float:
    """Best of a few timings of about SECONDS."""
    count = 1
    while (time := work.time(count)) < SECONDS / 4 and count < 1 << 14:
        count *= 4
    count = max(1, round(count * SECONDS / max(time, 1e-9)))
    return sorted(work.time(count) for _ in range(7))[3] / count


def run(name: str, shapes: Sequence[str], settings: Sequence[str], threads: int) -> dict[str, Any]:
    """Both passes' rows. ValueError: shapes or settings that the operation does not take."""
    if name not in CASES:
        known = ", ".join(sorted(CASES))
        why = sizes.LEFT_OUT.get(name)
        raise ValueError(
            f"{name}: {why}" if why else f"no operation {name!r} is timed; there are: {known}"
        )
    made = example(name, shapes, settings)
    sizes.SIZES[name] = lambda: made
    pg.set_num_threads(threads)
    roof = roofline.measure(threads)
    works = []
    for part in CASES[name].parts:
        try:
            works.append(Engine(name, part.name))
            works[-1].run()
        except (pg.Error, TypeError) as error:
            raise ValueError(str(error)) from error
    seconds = [seconds_of(work) for work in works]
    rows = rows_of(name, seconds, [work.count() for work in works], roof)
    return {"gflops": roof.gflops, "gbs": roof.gbs, "rows": rows}
