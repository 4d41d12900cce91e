"""Layers and networks: modules over the operations of `pygan.ops`.

Images and activations are (N, H, W, C). Defaults are PyTorch's. See `pygan.nn.module` for how a
module finds its parameters, `pygan.nn.init` for seeds, `pygan.nn.pending` for running statistics
inside an update that may still fail.
"""

from __future__ import annotations

from pygan.nn import batches, init, pending
from pygan.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from pygan.nn.batch_norm import BatchNorm
from pygan.nn.dropout import Dropout
from pygan.nn.embedding import Embedding
from pygan.nn.group_norm import GroupNorm, InstanceNorm, LayerNorm
from pygan.nn.images import (
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool2d,
    PixelShuffle,
    ReflectionPad2d,
    ReplicationPad2d,
    Upsample,
    ZeroPad2d,
)
from pygan.nn.layers import Conv2d, ConvTranspose2d, Flatten, GlobalAvgPool, Linear, Reshape
from pygan.nn.module import Buffer, Module, Parameter, Sequential
from pygan.nn.spectral_norm import SpectralNorm
from pygan.nn.virtual_batch_norm import (
    ReferenceBatchNorm,
    ReferenceSequential,
    VirtualBatchNorm,
)

__all__ = [
    "ELU",
    "GELU",
    "AvgPool2d",
    "BatchNorm",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GlobalAvgPool2d",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "Parameter",
    "PixelShuffle",
    "ReLU",
    "ReferenceBatchNorm",
    "ReferenceSequential",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Reshape",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "Upsample",
    "VirtualBatchNorm",
    "ZeroPad2d",
    "batches",
    "init",
    "pending",
]
