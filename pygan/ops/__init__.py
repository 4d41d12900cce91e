"""Every operation: the engine's (csrc/ops), and passes built on them.

Images are (N, H, W, C); axes count from the back when negative; broadcasting is NumPy's; mixed
dtypes raise. Each operation's NumPy reference is in pygan.reference, its contract in csrc/ops.
"""

from pygan._core import ops as _native
from pygan._core.ops import *  # noqa: F403
from pygan.ops.gradient_penalty import gradient_penalty, output_and_penalty

__all__ = ["gradient_penalty", "output_and_penalty"]
__all__ += [name for name in vars(_native) if not name.startswith("_")]
