"""Scores: how far generated images are from real ones."""

from pygan.metrics.sliced_wasserstein import swd, swd_real

__all__ = ["swd", "swd_real"]
