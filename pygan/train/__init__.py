"""Training: the trainer, recipes, run directories and checkpoints.

- `pygan.train.trainer.Trainer` (also ``pg.Trainer``) holds the state and makes one step;
- `pygan.train.update` makes one update of one network, as a transaction;
- `pygan.train.loop` decides when to log, score, draw, save and stop;
- `pygan.train.config` and `recipes` say what a run is, `runs` starts and resumes one;
- `pygan.train.checkpoint` and `state` are what survives a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygan.train.trainer import Trainer

__all__ = ["Trainer"]


def __getattr__(name: str) -> object:
    # Imported when used: the command line reads recipes without loading networks and scores.
    if name == "Trainer":
        from pygan.train.trainer import Trainer

        return Trainer
    raise AttributeError(f"module 'pygan.train' has no attribute {name!r}")
