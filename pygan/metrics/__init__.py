"""Scores: how far generated images are from real ones."""

from pygan.metrics.classifier import (
    accuracy,
    calibration_error,
    class_histogram,
    embedded_classifier,
)
from pygan.metrics.features import FeatureNetwork
from pygan.metrics.frechet import fd, fd_real, frechet_distance
from pygan.metrics.neighbours import nearest_images
from pygan.metrics.points import captured_modes, swd_points
from pygan.metrics.precision_recall import precision_recall, precision_recall_real
from pygan.metrics.sliced_wasserstein import swd, swd_real

__all__ = [
    "FeatureNetwork",
    "accuracy",
    "calibration_error",
    "captured_modes",
    "class_histogram",
    "embedded_classifier",
    "fd",
    "fd_real",
    "frechet_distance",
    "nearest_images",
    "precision_recall",
    "precision_recall_real",
    "swd",
    "swd_points",
    "swd_real",
]
