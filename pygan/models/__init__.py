"""Networks that are ready to train. See `pygan.models.dcgan` for the architecture's rules."""

from __future__ import annotations

from pygan.models.dcgan import DCGANDiscriminator, DCGANGenerator
from pygan.models.norms import NORMS
from pygan.models.sizes import nearest_sizes, split_size, supported_size

__all__ = [
    "NORMS",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "nearest_sizes",
    "split_size",
    "supported_size",
]
