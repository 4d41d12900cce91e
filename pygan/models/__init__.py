"""Networks that are ready to train. `pygan.models.dcgan` and `mlp` say what they are made of."""

from __future__ import annotations

from pygan.models.dcgan import DCGANDiscriminator, DCGANGenerator
from pygan.models.mlp import MLPDiscriminator, MLPGenerator
from pygan.models.norms import NORMS
from pygan.models.sizes import nearest_sizes, split_size, supported_size

__all__ = [
    "NORMS",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "nearest_sizes",
    "split_size",
    "supported_size",
]
