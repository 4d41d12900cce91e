"""Tensor cores, asynchronous copies, 16-byte accesses and 16-bit floats on the emulator.

The kernels of tensor_cores.cu, compiled here with the emulator's sources; NumPy says what is right.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.emu
ROOT = Path(__file__).parents[2]
CSRC = ROOT / "csrc"
ALL = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16)  # every 16-bit float


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or not CSRC.is_dir():
        pytest.skip("needs the sources and a C++ compiler")
    built = tmp_path_factory.mktemp("emu") / "tensor_cores.so"
    flags = ["-std=c++20", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-pthread", f"-I{CSRC}"]
    sources = [ROOT / "tests/emu/tensor_cores.cu", *sorted((CSRC / "emu").glob("*.cpp"))]
    subprocess.run(
        [compiler, *flags, "-DPYGAN_BACKEND=backend_emu", "-x", "c++", *sources, "-o", built],
        check=True,
    )
    return ctypes.CDLL(str(built))


Call = Callable[..., str]


@pytest.fixture
def kernels(library: ctypes.CDLL) -> Call:
    """kernels(function, arrays and numbers...): the emulator's message, "" where all went well."""

    def call(name: str, *args: np.ndarray | int | bool) -> str:
        function = getattr(library, name)
        function.restype = ctypes.c_char_p
        given = []
        for a in args:
            if isinstance(a, np.ndarray):
                assert a.flags.c_contiguous
                given.append(ctypes.c_void_p(a.ctypes.data))
            else:
                given.append((ctypes.c_bool if isinstance(a, bool) else ctypes.c_int64)(a))
        return function(*given).decode()

    library.schedule(b"forward")
    return call


@pytest.fixture(params=["forward", "reverse", "random:1", "random:2"])
def schedule(request: pytest.FixtureRequest, library: ctypes.CDLL, kernels: Call) -> None:
    library.schedule(request.param.encode())


def bits(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float32).view(np.uint32)


def widened(x: np.ndarray, kind: str) -> np.ndarray:
    """The reference: 16-bit floats as float32."""
    if kind == "half":
        return x.view(np.float16).astype(np.float32)
    return (x.astype(np.uint32) << 16).view(np.float32)


def rounded(x: np.ndarray, kind: str) -> np.ndarray:
    """The reference: float64 rounded to nearest even, once. NaN: any."""
    x = np.asarray(x, np.float64)
    mantissa, emin, largest = (
        (10, -14, 65504.0) if kind == "half" else (7, -126, 3.3895313892515355e38)
    )
    exponent = np.maximum(np.frexp(x)[1] - 1, emin)
    with np.errstate(all="ignore"):
        y = np.ldexp(np.rint(np.ldexp(x, mantissa - exponent)), exponent - mantissa)
        y = np.where(np.abs(y) > largest, np.copysign(np.inf, y), y).astype(np.float32)
        halves = y.astype(np.float16).view(np.uint16)
    return halves if kind == "half" else (bits(y) >> 16).astype(np.uint16)


def is_nan(x: np.ndarray, kind: str) -> np.ndarray:
    return np.isnan(widened(x, kind))


def assert_same_halves(actual: np.ndarray, expected: np.ndarray, kind: str) -> None:
    nan = is_nan(expected, kind)
    np.testing.assert_array_equal(is_nan(actual, kind), nan)
    np.testing.assert_array_equal(actual[~nan], expected[~nan])


# ---- 16-bit floats -------------------------------------------------------------------------------

KINDS = ("bfloat16", "half")


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_widens_and_comes_back(kernels: Call, kind: str) -> None:
    wide, back = np.empty(ALL.size, np.float32), np.zeros_like(ALL)
    assert kernels(f"{kind}_convert", ALL.copy(), wide, ALL.size, True) == ""
    nan = is_nan(ALL, kind)
    expected = widened(ALL, kind)
    np.testing.assert_array_equal(bits(wide)[~nan], bits(expected)[~nan])
    assert np.isnan(wide[nan]).all()
    assert kernels(f"{kind}_convert", back, wide, ALL.size, False) == ""
    quiet = 0x200 if kind == "half" else 0x40
    np.testing.assert_array_equal(back, np.where(nan, ALL | quiet, ALL))  # sign and payload kept


@pytest.mark.parametrize("kind", KINDS)
def test_rounding_to_nearest_even(kernels: Call, kind: str) -> None:
    """Around every value and every middle of two; any bits at all; NaN of every kind."""
    values = widened(ALL[~is_nan(ALL, kind) & np.isfinite(widened(ALL, kind))], kind)
    finite = np.unique(values.astype(np.float64))
    middles = ((finite[1:] + finite[:-1]) / 2).astype(np.float32)  # exact in float32
    edge = np.float32(65520 if kind == "half" else 3.3961775292304957e38)  # halfway to infinity
    centres = np.concatenate([values, middles, [edge, -edge]])
    around = [np.nextafter(centres, np.float32(side)) for side in (-np.inf, np.inf)]
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 1 << 32, 1 << 17, dtype=np.uint32).view(np.float32)
    special = np.array([0x7F800000, 0xFF800000, 0x7F800001, 0xFFFFFFFF, 0x7F8FFFFF], np.uint32)
    x = np.concatenate([centres, *around, anything, special.view(np.float32)])
    y = np.zeros(x.size, np.uint16)
    assert kernels(f"{kind}_convert", y, x, x.size, False) == ""
    nan = np.isnan(x)
    np.testing.assert_array_equal(is_nan(y, kind), nan)
    np.testing.assert_array_equal(y[~nan], rounded(x[~nan], kind))
    np.testing.assert_array_equal(y >> 15, bits(x) >> 31)  # the sign, of a NaN too
    if kind == "half":  # and NumPy's own conversion
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(y[~nan], x[~nan].astype(np.float16).view(np.uint16))


@pytest.mark.parametrize("kind", KINDS)
def test_arithmetic_rounds_once(kernels: Call, kind: str) -> None:
    rng = np.random.default_rng(1)
    quiet = 0x7E00 if kind == "half" else 0x7FC0
    infinity = 0x7C00 if kind == "half" else 0x7F80
    corners = np.array([0, 1, 2, 3, infinity - 1, infinity, quiet, 0x3C00, 0x3F80], np.uint16)
    corners = np.concatenate([corners, corners | 0x8000])
    a, b = (m.ravel() for m in np.meshgrid(corners, corners))
    a = np.concatenate([a, rng.permutation(ALL), rng.integers(0, 4096, 4096).astype(np.uint16)])
    b = np.concatenate([b, rng.permutation(ALL), rng.integers(0, 4096, 4096).astype(np.uint16)])
    y = np.zeros((7, a.size), np.uint16)
    assert kernels(f"{kind}_arithmetic", a, b, y, a.size) == ""
    with np.errstate(all="ignore"):
        p, q = (widened(v, kind).astype(np.float64) for v in (a, b))
        exact = (p + q, p - q, p * q, p / q, -p)
    for i, expected in enumerate(exact):
        nan = np.isnan(expected)
        np.testing.assert_array_equal(is_nan(y[i], kind), nan)
        np.testing.assert_array_equal(y[i][~nan], rounded(expected[~nan], kind), err_msg=str(i))
    np.testing.assert_array_equal(y[5], p < q)
    np.testing.assert_array_equal(y[6], p == q)


def tf32(x: np.ndarray) -> np.ndarray:
    """The reference: 10 bits of mantissa, halves away from zero; finite x."""
    exponent = np.maximum(np.frexp(x)[1] - 1, -126)
    scaled = np.ldexp(np.abs(x.astype(np.float64)), 10 - exponent)
    y = np.ldexp(np.floor(scaled + 0.5), exponent - 10)
    with np.errstate(over="ignore"):
        return np.copysign(y, x).astype(np.float32)


def test_rounding_to_tf32(kernels: Call) -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 1 << 32, 1 << 16, dtype=np.uint32).view(np.float32)
    x = np.concatenate([x, np.float32([0, -0.0, 1 + 2**-11, 1 + 3 * 2**-11, -1 - 2**-11, 1e-45])])
    special = np.array([0x7F800000, 0xFF800000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001], np.uint32)
    largest = np.array([0x7F7FFFFF, 0x7F7FF000, 0x7F7FEFFF], np.uint32)
    x = np.concatenate([x, largest.view(np.float32), special.view(np.float32)])
    y = np.zeros(x.size, np.uint32)
    assert kernels("tf32_round", x, y, x.size) == ""
    finite = np.isfinite(x)
    np.testing.assert_array_equal(y[finite], bits(tf32(x[finite])))
    rest = (y & 0xFFFFE000).view(np.float32)[~finite]  # what the tensor core sees
    np.testing.assert_array_equal(rest, np.where(np.isnan(x[~finite]), np.nan, x[~finite]))


# ---- mma and ldmatrix ----------------------------------------------------------------------------


@pytest.mark.usefixtures("schedule")
def test_mma_tf32_multiplies_what_the_upper_bits_say(kernels: Call) -> None:
    rng = np.random.default_rng(3)
    a, b, c = (rng.integers(-9, 10, s).astype(np.float32) for s in ((16, 8), (8, 8), (16, 8)))
    d = c.copy()
    assert kernels("tf32", a, b, d) == ""
    np.testing.assert_array_equal(d, a @ b + c)
    a, b, c = (rng.standard_normal(s).astype(np.float32) for s in ((16, 8), (8, 8), (16, 8)))
    d = c.copy()
    assert kernels("tf32", a, b, d) == ""
    cut = [(bits(x) & 0xFFFFE000).view(np.float32).astype(np.float64) for x in (a, b)]
    np.testing.assert_array_max_ulp(d, (cut[0] @ cut[1] + c).astype(np.float32), 1)
    assert np.abs(d - (a.astype(np.float64) @ b + c)).max() > 1e-5  # not float32's product


@pytest.mark.parametrize("from_shared", [False, True], ids=["lane maps", "ldmatrix"])
@pytest.mark.usefixtures("schedule")
def test_mma_bfloat16(kernels: Call, from_shared: bool) -> None:
    rng = np.random.default_rng(4)
    a, b = (rounded(rng.standard_normal(s), "bfloat16") for s in ((16, 16), (16, 8)))
    c = rng.standard_normal((16, 8)).astype(np.float32)
    d = c.copy()
    assert kernels("bf16", a, b, d, from_shared) == ""
    wide = [widened(x, "bfloat16").astype(np.float64) for x in (a, b)]
    np.testing.assert_array_max_ulp(d, (wide[0] @ wide[1] + c).astype(np.float32), 1)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.usefixtures("schedule")
def test_ldmatrix(kernels: Call, count: int, transposed: bool) -> None:
    """Lane 4 g + t holds elements 2 t and 2 t + 1 of row g, or of column g."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 1 << 16, (count, 8, 8)).astype(np.uint16)
    y = np.zeros((count, 32), np.uint32)
    assert kernels("matrices", x, y, count, transposed) == ""
    rows = np.ascontiguousarray(x.swapaxes(1, 2) if transposed else x)
    pairs = rows.reshape(count, 32, 2)
    np.testing.assert_array_equal(y & 0xFFFF, pairs[..., 0])
    np.testing.assert_array_equal(y >> 16, pairs[..., 1])


# ---- cp_async ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.usefixtures("schedule")
def test_a_read_before_the_wait_sees_nan(kernels: Call, size: int) -> None:
    x = np.random.default_rng(6).standard_normal((2, 32, size // 4)).astype(np.float32)
    y = np.zeros((3, *x.shape), np.float32)
    assert kernels("groups", x, y, size) == ""
    assert np.isnan(y[0]).all()
    np.testing.assert_array_equal(y[1, 0], x[0])  # the older group has come
    assert np.isnan(y[1, 1]).all()  # the newest is still in flight
    np.testing.assert_array_equal(y[2], x)


def test_a_copy_that_is_never_committed_never_comes(kernels: Call) -> None:
    x, y = np.ones(32, np.float32), np.zeros(32, np.float32)
    assert "leaves the kernel with cp.async copies in flight" in kernels("uncommitted", x, y)
    assert np.isnan(y[0])  # thread 0 had waited, and read


@pytest.mark.parametrize("slices", [0, 1, 2, 3, 4, 11])
@pytest.mark.usefixtures("schedule")
def test_pipeline_of_three_stages(kernels: Call, slices: int) -> None:
    x = np.random.default_rng(7).integers(-9, 10, (max(slices, 1), 64)).astype(np.float32)
    y = np.full(64, np.nan, np.float32)
    assert kernels("stages", x, y, slices) == ""
    np.testing.assert_array_equal(y, np.roll(x[:slices].sum(0), -1))


# ---- alignment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 4])
def test_sixteen_bytes_at_once(kernels: Call, offset: int) -> None:
    x, y = np.arange(132, dtype=np.float32), np.zeros(128, np.float32)
    assert kernels("by_four", x, y, offset) == ""
    expected = x[offset : offset + 128].copy()
    expected[3::4] *= -1
    np.testing.assert_array_equal(y, expected)


def test_misaligned_accesses_are_named(kernels: Call) -> None:
    source = (ROOT / "tests/emu/tensor_cores.cu").read_text().splitlines()

    def named(text: str) -> str:
        return f"tensor_cores.cu:{1 + next(i for i, line in enumerate(source) if text in line)}"

    messages = [
        (kernels("misaligned", np.zeros(64, np.float32), which), named(text))
        for which, text in enumerate(
            ("store4(y + 2", "cp_async<16>(&tile[4]", "&rows[threadIdx.x % 8][1]")
        )
    ]
    x, y = np.arange(132, dtype=np.float32), np.zeros(128, np.float32)
    messages += [(kernels("by_four", x, y, k), named("load4(x + offset")) for k in (1, 2, 3)]
    for message, line in messages:
        assert "misaligned access of 16 bytes" in message
        assert line in message
        assert "thread (0,0,0) of block (0,0,0)" in message
