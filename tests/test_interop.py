"""Memory shared with other libraries: DLPack on the CPU; a GPU's arrays where there is one."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import pygan as pg

DTYPES = ("float32", "float64", "int64", "uint8", "bool")


class Producer:
    """Hands out a NumPy array's capsule, and says which arguments it was asked with."""

    def __init__(self, array: np.ndarray, old: bool = False, place: tuple[int, int] = (1, 0)):
        self.array, self.old, self.place, self.asked = array, old, place, None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, **named: object) -> object:
        if self.old and named:
            raise TypeError("an older producer")
        self.asked = named
        return self.array.__dlpack__(**named)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (3, 5)])
def test_dlpack_out_and_in(shape: tuple[int, ...], dtype: str):
    a = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    x = pg.tensor(a)
    out = np.from_dlpack(x)
    assert out.dtype == a.dtype
    np.testing.assert_array_equal(out, a)
    assert not out.flags.writeable
    for back in (pg.from_dlpack(a), pg.from_dlpack(x), pg.from_dlpack(Producer(a, old=True))):
        assert (back.shape, back.dtype) == (shape, a.dtype)
        np.testing.assert_array_equal(back.numpy(), a)


def test_dlpack_shares_memory_both_ways():
    x = pg.tensor([1.0, 2.0])
    view = np.from_dlpack(x)
    x.assign_(np.float32([3, 4]))
    assert view.tolist() == [3.0, 4.0]
    a = np.float32([1, 2])
    y = pg.from_dlpack(a)
    a[0] = 7
    assert y.numpy().tolist() == [7.0, 2.0]
    y.assign_(np.float32([5, 6]))
    assert a.tolist() == [5.0, 6.0]


def test_dlpack_keeps_memory_alive_and_gives_it_back():
    before = pg._core.memory_stats()["live_blocks"]
    view = np.from_dlpack(pg.tensor([1.0, 2.0]))
    assert view.tolist() == [1.0, 2.0]
    assert pg._core.memory_stats()["live_blocks"] == before + 1
    del view
    capsule = pg.tensor([1.0]).__dlpack__(max_version=(1, 0))  # nobody takes it over
    assert pg._core.memory_stats()["live_blocks"] == before + 1
    del capsule
    assert pg._core.memory_stats()["live_blocks"] == before
    a = np.float32([1, 2])
    references = sys.getrefcount(a)
    y = pg.from_dlpack(a)
    assert sys.getrefcount(a) > references
    del y
    gc.collect()
    assert sys.getrefcount(a) == references


def test_read_only_memory_stays_so():
    a = np.float32([1, 2])
    a.flags.writeable = False
    for x in (pg.from_dlpack(a), pg.from_dlpack(Producer(np.float32([1, 2]), old=True))):
        with pytest.raises(pg.Error, match="read-only"):
            x.assign_(np.float32([3, 4]))


def test_an_older_consumer_gets_a_copy():
    x = pg.tensor([1.0, 2.0])
    for capsule, shared in ((x.__dlpack__(), False), (x.__dlpack__(max_version=(1, 0)), True)):

        class Once:
            def __dlpack_device__(self) -> tuple[int, int]:
                return 1, 0

            def __dlpack__(self, capsule: object = capsule, **named: object) -> object:
                return capsule

        y = pg.from_dlpack(Once())
        assert (pg._core.data_pointer(y) == pg._core.data_pointer(x)) == shared
        assert y.numpy().tolist() == [1.0, 2.0]


def test_strides_and_alignment_are_copied():
    a = np.arange(24.0).reshape(4, 6)
    for strided in (a.T, a[::2], a[:, 1:3], np.broadcast_to(a[0], (3, 6))):
        np.testing.assert_array_equal(pg.from_dlpack(strided).numpy(), strided)


def test_copy_is_honoured():
    x = pg.tensor([1.0, 2.0])
    copied = (
        np.from_dlpack(x, copy=True) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else None
    )
    if copied is not None:
        x.assign_(np.zeros(2, np.float32))
        assert copied.tolist() == [1.0, 2.0]
    with pytest.raises(BufferError, match=r"cannot go to the device \(2, 0\)"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="stream must be None"):
        x.__dlpack__(stream=1)


def test_what_cannot_come_in_is_refused():
    with pytest.raises(pg.DTypeError, match="dtype float16 is not supported"):
        pg.from_dlpack(np.zeros(2, np.float16))
    with pytest.raises(pg.DTypeError, match="dtype complex64 is not supported"):
        pg.from_dlpack(np.zeros(2, np.complex64))
    with pytest.raises(pg.DTypeError, match="from_dlpack: list has no __dlpack__"):
        pg.from_dlpack([1])
    with pytest.raises(pg.DeviceError, match=r"DLPack device \(10, 0\)"):
        pg.from_dlpack(Producer(np.zeros(2), place=(10, 0)))
    with pytest.raises(pg.DeviceError, match=r"DLPack device \(2, 1\)"):
        pg.from_dlpack(Producer(np.zeros(2), place=(2, 1)))
    with pytest.raises(pg.DTypeError, match="ndarray has no __cuda_array_interface__"):
        pg.from_cuda_array(np.zeros(2))


def test_a_cuda_array_without_a_gpu():
    if pg.cuda.is_available():
        pytest.skip("this machine has CUDA")

    class OnTheGpu:
        @property
        def __cuda_array_interface__(self) -> dict[str, object]:
            return {"shape": (2,), "typestr": "<f4", "data": (4096, False), "version": 3}

    for take in (
        lambda: pg.from_cuda_array(OnTheGpu()),
        lambda: pg.tensor(OnTheGpu()),
        lambda: pg.from_dlpack(Producer(np.zeros(2), place=(2, 0))),
    ):
        with pytest.raises(pg.DeviceError, match="device 'cuda' cannot be used"):
            take()


def test_the_gpu_that_is_not_there():
    if pg.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert pg.cuda.why_not()
    assert "\n" not in pg.cuda.why_not()
    for ask in (
        pg.cuda.device_name,
        pg.cuda.memory_stats,
        pg.cuda.synchronize,
        pg.cuda.empty_cache,
        pg.cuda.reset_peak_memory,
        pg.cuda.stream,
    ):
        with pytest.raises(pg.DeviceError, match="device 'cuda' cannot be used"):
            ask()


def test_only_cuda_tensors_have_the_cuda_interface():
    for device in ("cpu", "emu"):
        assert not hasattr(pg.zeros(2, device=device), "__cuda_array_interface__")


# ---- with a GPU --------------------------------------------------------------------------------

cuda = pytest.mark.skipif(not pg.cuda.is_available(), reason=pg.cuda.why_not())


@pytest.fixture
def cupy():
    return pytest.importorskip("cupy")


@cuda
@pytest.mark.cuda
def test_cupy_and_back(cupy):
    a = cupy.arange(12, dtype="float32").reshape(3, 4)
    for take in (pg.from_dlpack, pg.from_cuda_array):
        x = take(a)
        assert x.device == "cuda"
        assert pg._core.data_pointer(x) == a.data.ptr
        np.testing.assert_array_equal(x.numpy(), a.get())
        with pytest.raises(pg.ShapeError, match="not dense"):
            take(a.T)
        with pytest.raises(pg.DTypeError, match="float64 is for cpu and emu"):
            take(a.astype("float64"))
        with pytest.raises(pg.ShapeError, match="not aligned"):
            take(cupy.zeros(17, "uint8")[1:].view("float32"))
    copied = pg.tensor(a)
    a += 1
    assert copied.numpy()[0, 0] == 0
    for back in (cupy.from_dlpack(copied), cupy.asarray(copied)):
        assert back.data.ptr == pg._core.data_pointer(copied)
        np.testing.assert_array_equal(back.get(), copied.numpy())


@cuda
@pytest.mark.cuda
def test_memory_that_is_not_the_gpus_is_refused():
    on_the_host = np.zeros(4, np.float32)

    class Pretends:
        __cuda_array_interface__ = on_the_host.__array_interface__

    with pytest.raises(pg.DeviceError, match="in no GPU's memory"):
        pg.from_cuda_array(Pretends())


@cuda
@pytest.mark.cuda
def test_memory_goes_back_when_kernels_have_read_it(cupy):
    n = 1 << 24
    other = cupy.cuda.Stream(non_blocking=True)  # does not wait for pygan's stream
    with other:
        for take in (pg.from_dlpack, pg.from_cuda_array):
            a = cupy.ones(n, "float32")
            y = take(a)
            for _ in range(20):
                y = y + 1
            y = y + take(a)
            at = a.data.ptr
            del a
            a = cupy.full(n, 7.0, "float32")  # CuPy's pool gives the same memory again
            assert a.data.ptr == at
            assert float(y.numpy().min()) == float(y.numpy().max()) == 22.0


@cuda
@pytest.mark.cuda
def test_streams_are_ordered(cupy):
    n = 1 << 24
    other = cupy.cuda.Stream(non_blocking=True)
    with other:
        a = cupy.zeros(n, "float32")
        for _ in range(50):
            a += 1
        x = pg.from_dlpack(a)  # CuPy's work on its stream comes first
        y = pg.ops.leaky_relu(x)
        back = cupy.from_dlpack(y)  # and then pygan's before CuPy's
        total = float((back + 0).sum())
    assert total == 50.0 * n


@cuda
@pytest.mark.cuda
@pytest.mark.parametrize("size", [0, 1, 1021, (16 << 20) // 4 + 3, 40 << 18])
def test_copies_of_any_size(size: int):
    a = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    x = pg.tensor(a, device="cuda")
    np.testing.assert_array_equal(x.numpy(), a)
    np.testing.assert_array_equal(pg.tensor(x).numpy(), a)


@cuda
@pytest.mark.cuda
def test_memory_of_the_gpu():
    before = pg.cuda.memory_stats()
    x = pg.zeros(1 << 20, device="cuda")
    assert pg.cuda.memory_stats()["live_blocks"] == before["live_blocks"] + 1
    with pytest.raises(pg.OutOfMemoryError, match=r"out of memory.*on cuda"):
        pg.zeros(1 << 40, "uint8", device="cuda")
    assert x.numpy().sum() == 0
    del x
    pg.cuda.empty_cache()
    assert pg.cuda.memory_stats()["live_blocks"] == before["live_blocks"]
