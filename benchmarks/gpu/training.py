"""Short trainings at 64x64 on the GPU: DCGAN and WGAN-GP, with pictures, scores and rates."""

from __future__ import annotations

import time

import numpy as np
from PIL import Image

import pygan as pg
from benchmarks.gpu.run import Run, synchronize
from pygan.train.pictures import grid, save_png

STEPS = {"dcgan64": 3000, "wgan-gp64": 1500}


def clothes64() -> np.ndarray:
    """The embedded pictures, 28x28, enlarged to uint8 (6000, 64, 64, 1)."""
    small = pg.data.embedded().images[..., 0]
    resized = [Image.fromarray(x).resize((64, 64), Image.Resampling.BICUBIC) for x in small]
    return np.stack([np.asarray(x) for x in resized])[..., None]


def train(run: Run) -> int:
    """One row a training; its picture beside the figures."""
    images = clothes64()
    if run.rehearsal:
        images = images[:64, ::8, ::8]
    failed = 0
    for name in run.todo(STEPS):
        steps = 2 if run.rehearsal else STEPS[name]
        trainer = _trainer(name, images, run)
        start = time.perf_counter()
        last = trainer.fit(steps, progress=False)
        synchronize(run.device)
        seconds = time.perf_counter() - start
        picture = run.pictures / f"gpu-{name}.png"
        save_png(picture, grid(trainer.fixed_samples(8 if run.rehearsal else 64)))
        finite = all(np.isfinite(v) for v in last.values() if isinstance(v, float))
        failed += not finite
        row = {"name": name, "steps": steps, "seconds": seconds, "picture": picture.name, **last}
        if run.rehearsal:
            row = {"name": name, "steps": steps, "picture": picture.name}
        print(f"{name}: {row}")
        run.add(row)
    return run.finish(failed)


def _trainer(name: str, images: np.ndarray, run: Run) -> pg.Trainer:
    penalised = name == "wgan-gp64"
    shape, width = images.shape[1:], 4 if run.rehearsal else 64
    G = pg.models.DCGANGenerator(shape, latent=100, width=width)
    D = pg.models.DCGANDiscriminator(shape, width=width, norm=None if penalised else "batch")
    G.to(run.device)
    D.to(run.device)
    game = pg.games.WGANGP() if penalised else pg.games.NonSaturating()
    batch = 4 if run.rehearsal else 64
    return pg.Trainer(G, D, game=game, data=images, batch_size=batch, seed=0)
