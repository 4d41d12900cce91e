"""Which picture sizes the strided networks can make: b 2^n, n >= 1, each b in 4..7.

n is the number of layers that halve (or double) the picture, the same for both sides; b is what is
left of a side at the innermost layer. Every whole number from 8 on has at most one such form,
because 4 <= side / 2^n < 8 fixes n.
"""

from __future__ import annotations

from pygan.errors import ConfigError
from pygan.nn.checks import whole

__all__ = ["nearest_sizes", "split_size", "supported_size"]

_BASES = range(4, 8)


def _split(side: int) -> tuple[int, int] | None:
    """(b, n) with side = b 2^n, b in 4..7, n >= 1; None where there is none."""
    n = side.bit_length() - 3  # 4 = 0b100 to 7 = 0b111 have three bits
    return (side >> n, n) if n >= 1 and side % (1 << n) == 0 else None


def supported_size(height: int, width: int) -> bool:
    """Whether pictures of this size can be made: ``supported_size(28, 28)``."""
    h, w = _split(height), _split(width)
    return h is not None and w is not None and h[1] == w[1]


def nearest_sizes(height: int, width: int, count: int = 2) -> list[tuple[int, int]]:
    """Sizes that work, nearest first by |dh| + |dw|: ``(30, 30)`` -> ``[(28, 28), (32, 32)]``.

    For a square the answers are squares.
    """

    def nearest(side: int, n: int) -> list[int]:
        return sorted((b << n for b in _BASES), key=lambda s: (abs(s - side), s))[:2]

    depth = max(height, width, 8).bit_length()
    candidates = {
        (h, w)
        for n in range(1, depth)
        for h in nearest(height, n)
        for w in nearest(width, n)
        if h == w or height != width
    }
    return sorted(candidates, key=lambda s: (abs(s[0] - height) + abs(s[1] - width), s))[:count]


def split_size(height: int, width: int) -> tuple[tuple[int, int], int]:
    """((b_h, b_w), n) of a size that works: ``(28, 28)`` -> ``((7, 7), 2)``.

    Raises:
        ConfigError: the size does not work; the message names the nearest ones that do.
    """
    height = whole("image size", "height", height)
    width = whole("image size", "width", width)
    h, w = _split(height), _split(width)
    if h is None or w is None or h[1] != w[1]:
        near = " or ".join(f"{a}x{b}" for a, b in nearest_sizes(height, width))
        raise ConfigError(
            f"image size {height}x{width} does not work; the nearest that do: {near} "
            "(each side must be 4, 5, 6 or 7 times the same power of two, at least 2)"
        )
    return (h[0], w[0]), h[1]
