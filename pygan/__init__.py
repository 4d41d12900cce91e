"""pygan: train GANs on kernels that you can read.

>>> import pygan as pg
>>> x = pg.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = (x * x).sum()
>>> y.backward()
>>> x.grad.numpy().tolist()
[2.0, 4.0, 6.0]
"""

from typing import TYPE_CHECKING

from pygan import (
    _locate,  # noqa: F401  (finds the compiled module before anything needs it)
    ops,
    random,
)
from pygan._core import (
    Tensor,
    from_cuda_array,
    from_dlpack,
    from_numpy,
    full,
    get_conv_algorithm,
    get_float32_matmul_precision,
    get_num_threads,
    grad,
    jvp,
    set_conv_algorithm,
    set_float32_matmul_precision,
    set_num_threads,
    tensor,
)
from pygan._version import __version__
from pygan.autograd import (
    check_finite,
    devices,
    enable_grad,
    is_grad_enabled,
    no_grad,
    ones,
    trace,
    zeros,
)
from pygan.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DeviceError,
    DTypeError,
    EmulatorError,
    Error,
    NonFiniteError,
    OutOfMemoryError,
    ShapeError,
)
from pygan.user_ops import Op, apply, register_op, registered_ops

if TYPE_CHECKING:
    from pygan import cuda, data, emu, games, metrics, models, nn, optim, testing, train
    from pygan.train import Trainer

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DTypeError",
    "DataError",
    "DeviceError",
    "EmulatorError",
    "Error",
    "NonFiniteError",
    "Op",
    "OutOfMemoryError",
    "ShapeError",
    "Tensor",
    "Trainer",
    "__version__",
    "apply",
    "check_finite",
    "cuda",
    "data",
    "devices",
    "emu",
    "enable_grad",
    "from_cuda_array",
    "from_dlpack",
    "from_numpy",
    "full",
    "games",
    "get_conv_algorithm",
    "get_float32_matmul_precision",
    "get_num_threads",
    "grad",
    "is_grad_enabled",
    "jvp",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "ones",
    "ops",
    "optim",
    "random",
    "register_op",
    "registered_ops",
    "set_conv_algorithm",
    "set_float32_matmul_precision",
    "set_num_threads",
    "tensor",
    "testing",
    "trace",
    "train",
    "zeros",
]

# Imported when first used: `import pygan` stays quick.
_LAZY = {
    "cuda",
    "data",
    "emu",
    "games",
    "metrics",
    "models",
    "nn",
    "optim",
    "reference",
    "testing",
    "train",
}


def __getattr__(name: str) -> object:
    import importlib

    if name == "Trainer":
        return importlib.import_module("pygan.train").Trainer
    if name in _LAZY:
        return importlib.import_module(f"pygan.{name}")
    raise AttributeError(f"module 'pygan' has no attribute {name!r}")
