"""Memory of devices: allocation, moves, mixing them, running out, red zones."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg

DTYPES = ("float32", "float64", "int64", "uint8", "bool")
SHAPES = ((), (0,), (1,), (7,), (3, 0, 2), (3, 5, 7), (1021,))


def _values(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2 if dtype == "bool" else 200, shape).astype(dtype)


@pytest.fixture
def limit():
    yield lambda size: pg._core.set_memory_limit(size, "emu")
    pg._core.set_memory_limit(0, "emu")


def test_devices_of_this_machine():
    assert pg.devices()[:2] == ["cpu", "emu"]
    assert ("cuda" in pg.devices()) == (pg._core.device_why_not("cuda") == "")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_survive_the_way_to_a_device_and_back(shape: tuple[int, ...], dtype: str):
    a = _values(shape, dtype)
    x = pg.tensor(a, device="emu")
    assert (x.device, x.shape, x.dtype) == ("emu", shape, a.dtype)
    for back in (x.numpy(), np.asarray(x), x.to("cpu").numpy(), pg.tensor(a).to("emu").numpy()):
        assert back.dtype == a.dtype
        np.testing.assert_array_equal(back, a)
    assert not x.numpy().flags.writeable


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_on_a_device(dtype: str):
    for shape in SHAPES:
        np.testing.assert_array_equal(pg.zeros(shape, dtype, "emu").numpy(), np.zeros(shape, dtype))
        np.testing.assert_array_equal(pg.ones(shape, dtype, "emu").numpy(), np.ones(shape, dtype))
        full = pg.full(shape, 3, dtype, "emu")
        np.testing.assert_array_equal(full.numpy(), np.full(shape, 3, dtype))


def test_text_and_numbers():
    x = pg.tensor([1.5, 2.0], device="emu")
    assert repr(x) == "Tensor(shape=(2,), dtype=float32, device=emu,\n[1.5 2. ])"
    assert pg.tensor(2.5, device="emu").item() == 2.5
    assert float(pg.tensor([4.0], device="emu")) == 4.0
    assert np.asarray(x, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy=False"):
        x.__array__(copy=False)


def test_a_tensor_keeps_its_device():
    x = pg.tensor([1.0, 2.0], device="emu")
    assert x.to("emu") is x
    for y in (pg.tensor(x), copy.deepcopy(x), x.detach(), x.reshape(2, 1)):
        assert y.device == "emu"
    assert pg.tensor(x, device="cpu").device == "cpu"
    y = pg.tensor(x)
    y.assign_(np.zeros(2, np.float32))
    assert x.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("device", ["cpu", *DEVICES])
@pytest.mark.parametrize(("to", "source"), [(0, 1), (1, 0), (2, 2)])
def test_slices_of_one_tensor_are_assigned_as_if_at_once(device: str, to: int, source: int):
    values = np.arange(4000.0).reshape(1000, 4)
    x = pg.tensor(values.astype(np.float32), device=device)
    x[to : to + 998].assign_(x[source : source + 998])
    values[to : to + 998] = values[source : source + 998].copy()
    np.testing.assert_array_equal(x.numpy(), values)


def test_a_move_is_differentiated():
    x = pg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.to("emu").to("cpu") * x
    (dx,) = pg.grad(y.sum(), [x], create_graph=True)
    assert dx.device == "cpu"
    assert dx.numpy().tolist() == [2.0, 4.0, 6.0]
    (ddx,) = pg.grad(dx.sum(), [x], retain_graph=True)
    assert ddx.numpy().tolist() == [2.0, 2.0, 2.0]
    (tangent,) = pg.jvp(y, [x], [pg.ones(3)])
    assert tangent.numpy().tolist() == [2.0, 4.0, 6.0]


def test_to_takes_dtypes_too():
    x = pg.tensor([1.0])
    assert x.to("float64").dtype == np.float64
    assert x.to(np.float32) is x
    with pytest.raises(pg.DTypeError, match=r"to: expected a dtype or a device .*, got 'gpu'"):
        x.to("gpu")


def test_mixed_devices_name_op_and_shapes():
    with pytest.raises(
        pg.DeviceError,
        match=r"add: inputs on two devices, float32 \(2,\) on cpu and float32 \(2,\) on emu",
    ):
        pg.ops.add(pg.zeros(2), pg.zeros(2, device="emu"))
    with pytest.raises(pg.ShapeError, match="on emu"):
        pg.zeros(2, device="cpu").requires_grad_().grad = pg.zeros(2, device="emu")


def test_memory_of_the_emulator_is_not_shared():
    x = pg.zeros(2, device="emu")
    for share in (lambda: x.__dlpack__(), lambda: x.__dlpack_device__(), lambda: np.from_dlpack(x)):
        with pytest.raises(pg.DeviceError, match=r"DLPack: float32 \(2,\) on emu cannot be shared"):
            share()
    assert not hasattr(x, "__array_interface__")


def test_out_of_memory_on_a_device_names_the_op_and_everything_goes_on(limit):
    x = pg.tensor(np.arange(1000.0), device="emu")
    limit(pg._core.memory_stats("emu")["live_bytes"] + 1000)
    with pytest.raises(pg.OutOfMemoryError, match=r"to: out of memory.* 8000 bytes.*on emu"):
        pg.ops.to(x)
    with pytest.raises(pg.OutOfMemoryError, match=r"float32 \(1000,\) on emu"):
        pg.zeros(1000, device="emu")
    limit(0)
    np.testing.assert_array_equal(pg.ops.to(x).numpy(), x.numpy())


def test_memory_is_given_back():
    before = pg._core.memory_stats("emu")
    x = pg.zeros(1000, device="emu")
    during = pg._core.memory_stats("emu")
    assert during["live_bytes"] == before["live_bytes"] + 4000
    assert during["live_blocks"] == before["live_blocks"] + 1
    del x
    assert pg._core.memory_stats("emu")["live_bytes"] == before["live_bytes"]
    pg._core.reset_peak_memory("emu")
    assert pg._core.memory_stats("emu")["peak_bytes"] == before["live_bytes"]


def test_a_network_moves_with_its_state():
    source, target = pg.nn.Linear(3, 4), pg.nn.Linear(3, 4)
    target.to("emu")
    assert {t.device for t in target.state_dict().values()} == {"emu"}
    target.load_state_dict(source.state_dict())
    for name, t in target.state_dict().items():
        np.testing.assert_array_equal(t.numpy(), source.state_dict()[name].numpy())
    source.load_state_dict(target.state_dict())
    assert copy.deepcopy(target).weight.device == "emu"
    assert {t.device for t in target.to("cpu").state_dict().values()} == {"cpu"}


def test_state_of_optimizers_lies_where_the_parameters_are():
    layer = pg.nn.Linear(3, 4).to("emu")
    adam = pg.optim.Adam(layer.named_parameters())
    state = adam.state_dict()
    assert state["m/weight"].device == "emu"
    other = pg.optim.Adam(pg.nn.Linear(3, 4).named_parameters())
    other.load_state_dict(state)
    assert other.state_dict()["m/weight"].device == "cpu"
    assert pg.optim.EMA(layer).averages[0].device == "emu"


def test_a_missing_device_says_why():
    if "cuda" in pg.devices():
        pytest.skip("this machine has CUDA")
    why = pg._core.device_why_not("cuda")
    for make in (
        lambda: pg.tensor([1.0], device="cuda"),
        lambda: pg.zeros(2, device="cuda"),
        lambda: pg.zeros(2).to("cuda"),
        lambda: pg.nn.Linear(1, 1).to("cuda"),
    ):
        with pytest.raises(pg.DeviceError) as caught:
            make()
        text = str(caught.value)
        assert "device 'cuda' cannot be used: " + why in text
        assert "`pygan doctor`" in text
        assert "\n" not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: pg.tensor(np.zeros(2), device="cuda"),
        lambda: pg.zeros(2, "float64", device="cuda"),
        lambda: pg.zeros(2, "float64").to("cuda"),
        lambda: pg.nn.Linear(1, 1).to("float64").to("cuda"),
    ],
)
def test_float64_is_not_for_cuda(make):
    with pytest.raises(pg.DTypeError, match="float64 is for cpu and emu; on cuda use float32"):
        make()


def test_kernels_that_exist():
    kernels = pg._core.registered_kernels()
    assert kernels["leaky_relu"][0] == "cpu"
    assert all("cpu" in devices for devices in kernels.values())


RED_ZONE = """
import ctypes, sys
import numpy as np
import pygan as pg

x = pg.zeros(5, device="emu")
at = pg._core.data_pointer(x)
ctypes.memset(at + {offset}, 1, 3)
{then}
"""


@pytest.mark.parametrize(
    ("offset", "where"),
    [
        (20, "3 bytes, the first 0 bytes past the end of block 1 (20 bytes)"),
        (-7, "3 bytes, the first 7 bytes before the start of block 1 (20 bytes)"),
        (18, "1 byte, the first 0 bytes past the end of block 1 (20 bytes)"),
    ],
)
@pytest.mark.parametrize(
    ("then", "code", "text"),
    [
        ("pg._core.synchronize('emu')", 1, "pygan.errors.DeviceError: out-of-bounds write of "),
        ("x.to('cpu')", 1, "pygan.errors.DeviceError: to of float32 (5,) on emu: out-of-bounds "),
        ("del x", -6, "found at its release, outside of any op"),
    ],
)
def test_a_write_outside_a_block_is_found(offset, where, then, code, text):
    script = RED_ZONE.format(offset=offset, then=then)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == code, run.stderr
    assert where in run.stderr
    assert text in run.stderr


def test_fresh_memory_is_not_a_number():
    assert np.isnan(pg._core.empty((3,), "float32", "emu").numpy()).all()
    assert pg._core.empty((2,), "int64", "emu").numpy().tolist() == [-1, -1]


def test_an_update_that_finds_no_memory_is_named_and_changes_nothing(limit):
    if "emu" not in pg._core.registered_kernels()["adam_"]:
        pytest.skip("no kernel of adam_ on emu")
    x = pg.tensor(np.ones(5, np.float32), device="emu", requires_grad=True)
    x.grad = pg.ones(5, device="emu")
    adam = pg.optim.Adam([x])
    limit(pg._core.memory_stats("emu")["live_bytes"] + 1)
    with pytest.raises(pg.OutOfMemoryError, match="adam_: out of memory"):
        adam.step()
    assert x.numpy().tolist() == [1.0] * 5
    limit(0)
    adam.step()
    assert (x.numpy() < 1.0).all()
