"""Scores: how far generated images are from real ones."""

from pygan.metrics.points import captured_modes, swd_points
from pygan.metrics.sliced_wasserstein import swd, swd_real

__all__ = ["captured_modes", "swd", "swd_points", "swd_real"]
