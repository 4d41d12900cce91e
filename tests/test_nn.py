"""Layers against NumPy, and what a module promises: names, order, state, modes, dtype."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pygan as pg
from pygan import nn
from pygan.reference import functions


def array(*shape: int, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 2, 4, stride=2, padding=1),
        nn.BatchNorm(2),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * 4 * 4, 3),
    )


# ------------------------------------------------------------------------- the tree


def test_parameters_follow_the_layers_weight_before_bias() -> None:
    net = network()
    assert [name for name, _ in net.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "4.weight",
        "4.bias",
    ]
    assert [p.shape for p in net.parameters()] == [(4, 4, 1, 2), (2,), (2,), (2,), (32, 3), (3,)]
    assert [name for name, _ in net.named_buffers()] == [
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]
    assert list(net.state_dict()) == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "4.weight",
        "4.bias",
    ]
    assert all(isinstance(p, pg.Tensor) and p.requires_grad for p in net.parameters())
    assert not any(b.requires_grad for b in net.buffers())


class Tied(nn.Module):
    """A layer used twice, a nested module, a plain attribute, a parameter of its own."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(np.full((2,), 3.0, "float32"))
        self.encode = nn.Linear(2, 2)
        self.inner = nn.Sequential({"same": self.encode, "act": nn.Tanh()})
        self.note = "not a layer"
        self.constant = pg.zeros((2,))

    def forward(self, x: pg.Tensor) -> pg.Tensor:
        return self.inner(self.encode(x)) * self.scale


def test_a_module_of_ones_own() -> None:
    module = Tied()
    assert [name for name, _ in module.named_parameters()] == [
        "scale",
        "encode.weight",
        "encode.bias",
    ]
    assert [name for name, _ in module.named_modules()] == ["", "encode", "inner", "inner.act"]
    x = array(5, 2)
    w, b = module.encode.weight.numpy(), module.encode.bias.numpy()
    expected = np.tanh((x @ w + b) @ w + b) * 3
    np.testing.assert_allclose(module(pg.tensor(x)).numpy(), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)
    module.heads = [nn.Linear(2, 1), nn.Linear(2, 1)]
    with pytest.raises(pg.ConfigError, match=r"Tied\.heads: layers in a list are not found"):
        module.parameters()


def test_sequential_is_a_list_of_layers() -> None:
    net = network()
    assert len(net) == 5
    assert isinstance(net[1], nn.BatchNorm)
    assert net[-1] is list(net)[4]
    part = net[2:]
    assert isinstance(part, nn.Sequential)
    assert part[-1] is net[4]
    assert list(part.state_dict()) == ["4.weight", "4.bias"]
    with pytest.raises(pg.ConfigError, match="1 is 3, not a Module"):
        nn.Sequential(nn.Tanh(), 3)  # type: ignore[arg-type]
    for name in ("forward", "a.b", "training"):
        with pytest.raises(pg.ConfigError, match=f"cannot be called '{name}'"):
            nn.Sequential({name: nn.Tanh()})


def test_repr_is_a_tree() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 64, 4, stride=2, padding=(1, 0), groups=1, bias=False),
        nn.Sequential({"act": nn.LeakyReLU(0.2), "norm": nn.BatchNorm(64, momentum=0.5)}),
        nn.ConvTranspose2d(64, 3, (2, 4), stride=2, output_padding=1),
        nn.Reshape((4, 4)),
    )
    assert (
        repr(net)
        == """Sequential(
  (0): Conv2d(3, 64, kernel_size=4, stride=2, padding=(1, 0), bias=False)
  (1): Sequential(
    (act): LeakyReLU(0.2)
    (norm): BatchNorm(64, momentum=0.5)
  )
  (2): ConvTranspose2d(64, 3, kernel_size=(2, 4), stride=2, output_padding=1)
  (3): Reshape((4, 4))
)"""
    )


def test_modes_and_freezing_reach_every_module() -> None:
    net = nn.Sequential(network(), nn.BatchNorm(3))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert len(net.parameters()) == 8  # frozen, but still parameters
    x = pg.tensor(array(4, 8, 8, 1))
    assert not net(x).requires_grad
    net.requires_grad_()
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_deepcopy_has_memory_of_its_own() -> None:
    net = network()
    other = copy.deepcopy(net)
    assert list(other.state_dict()) == list(net.state_dict())
    before = net[0].weight.numpy().copy()
    other[0].weight.assign_(before + 1)
    other[1].running_mean.assign_(np.ones(2, "float32"))
    assert np.array_equal(net[0].weight.numpy(), before)
    assert not net[1].running_mean.numpy().any()
    assert isinstance(other[0].weight, nn.Parameter)
    assert other[0].weight.requires_grad


# ------------------------------------------------------------------------- state


def test_state_round_trip() -> None:
    nn.init.seed(1)
    source, target = network(), network()
    source(pg.tensor(array(4, 8, 8, 1)))  # running statistics that are not the initial ones
    state = {name: t.numpy().copy() for name, t in source.state_dict().items()}
    handles = target.parameters()
    assert target.load_state_dict(state) is target
    for name, t in target.state_dict().items():
        assert np.array_equal(t.numpy(), state[name]), name
    assert all(a is b for a, b in zip(handles, target.parameters(), strict=True))
    x = pg.tensor(array(4, 8, 8, 1, seed=2))
    assert np.array_equal(source.eval()(x).numpy(), target.eval()(x).numpy())


def test_a_state_that_does_not_fit_is_refused_whole() -> None:
    net = network()
    good = {name: t.numpy().copy() for name, t in network().state_dict().items()}
    bad = dict(good)
    del bad["4.bias"]
    bad["5.weight"] = good["4.weight"]
    bad["4.weight"] = good["4.weight"].T
    bad["1.running_var"] = good["1.running_var"].astype("float64")
    before = {name: t.numpy().copy() for name, t in net.state_dict().items()}
    with pytest.raises(pg.ConfigError) as error:
        net.load_state_dict(bad)
    message = str(error.value)
    for part in (
        "Sequential: state does not fit",
        "missing: 4.bias (3,)",
        "unexpected: 5.weight",
        "4.weight: expected float32 (32, 3), got float32 (3, 32)",
        "1.running_var: expected float32 (2,), got float64 (2,)",
    ):
        assert part in message
    for name, t in net.state_dict().items():
        assert np.array_equal(t.numpy(), before[name]), name


def test_to_changes_the_dtype_in_place() -> None:
    net = network()
    params = net.parameters()
    values = [p.numpy().copy() for p in params]
    net.requires_grad_(True)[0].bias.requires_grad_(False)
    assert net.to("float64") is net
    assert all(a is b for a, b in zip(params, net.parameters(), strict=True))
    assert [p.requires_grad for p in params] == [True, False, True, True, True, True]
    for p, v in zip(params, values, strict=True):
        assert p.dtype == "float64"
        assert np.array_equal(p.numpy(), v.astype("float64"))
    assert net[1].running_var.dtype == "float64"
    assert net[1].num_batches_tracked.dtype == "int64"
    opt = pg.optim.SGD(params, lr=0.1)
    y = net(pg.tensor(array(4, 8, 8, 1, dtype="float64")))
    assert y.dtype == "float64"
    y.sum().backward()
    opt.step()
    assert not np.array_equal(net[4].weight.numpy(), values[4].astype("float64"))
    assert net.to("cpu").to("float32")[0].weight.dtype == "float32"
    for bad in ("float16", "int64", "gpu", 3, None):
        with pytest.raises(pg.DTypeError, match="to: expected 'float32', 'float64' or a device"):
            net.to(bad)


# ------------------------------------------------------------------------- layers


def pad(x: np.ndarray, h: int, w: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (h, h), (w, w), (0, 0)))


def numpy_conv2d(x: np.ndarray, layer: nn.Conv2d) -> np.ndarray:
    """The definition, one output position at a time."""
    w, b = layer.weight.numpy(), layer.bias.numpy()
    (sh, sw), (dh, dw), groups = layer.stride, layer.dilation, layer.groups
    kh, kw, per, out = w.shape
    x = pad(x, *layer.padding)
    rows = (x.shape[1] - dh * (kh - 1) - 1) // sh + 1
    cols = (x.shape[2] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((x.shape[0], rows, cols, out))
    for i in range(rows):
        for j in range(cols):
            patch = x[:, i * sh :: dh, j * sw :: dw][:, :kh, :kw]
            for o in range(out):
                g = o // (out // groups)
                y[:, i, j, o] = (patch[..., g * per : (g + 1) * per] * w[..., o]).sum((1, 2, 3))
    return y + b


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3},
        {"kernel_size": (4, 2), "stride": (2, 1), "padding": (1, 0)},
        {"kernel_size": 3, "dilation": 2, "padding": 2, "groups": 2},
    ],
    ids=str,
)
def test_convolutions(settings: dict[str, Any]) -> None:
    conv = nn.Conv2d(4, 6, **settings).to("float64")
    x = array(2, 7, 6, 4, dtype="float64")
    y = conv(pg.tensor(x))
    np.testing.assert_allclose(y.numpy(), numpy_conv2d(x, conv), rtol=1e-10, atol=1e-12)
    # The transposed layer with the same weight is the adjoint: <conv x, y> = <x, conv^T y>.
    rest = [  # rows and columns that no window reached, and that the way back must make up for
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, p, d, k, s in zip(
            (7, 6), conv.padding, conv.dilation, conv.kernel_size, conv.stride, strict=True
        )
    ]
    back = nn.ConvTranspose2d(6, 4, **settings, output_padding=rest, bias=False).to("float64")
    assert back.weight.shape == conv.weight.shape
    back.weight.assign_(conv.weight)
    conv.bias.assign_(np.zeros(6))
    v = array(*y.shape, seed=1, dtype="float64")
    left = (conv(pg.tensor(x)).numpy() * v).sum()
    right = (x * back(pg.tensor(v)).numpy()).sum()
    np.testing.assert_allclose(left, right, rtol=1e-10)


def test_conv_transpose_doubles_and_takes_output_padding() -> None:
    x = pg.tensor(array(2, 5, 3, 4))
    assert nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)(x).shape == (2, 10, 6, 6)
    assert nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=(1, 0))(x).shape == (2, 10, 5, 6)


def test_linear_flatten_reshape() -> None:
    layer = nn.Linear(6, 2)
    x = array(3, 6)
    expected = x @ layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(pg.tensor(x)).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert nn.Linear(6, 2, bias=False).bias is None
    image = array(3, 4, 2, 5)
    flat = nn.Flatten()(pg.tensor(image))
    assert np.array_equal(flat.numpy(), image.reshape(3, -1))  # the order H, W, C is kept
    assert np.array_equal(nn.Reshape((4, 2, 5))(flat).numpy(), image)


def test_activations() -> None:
    x = array(3, 4, dtype="float64") * 4
    x[0, 0] = 0.0
    for layer, expected in (
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.LeakyReLU(), np.where(x > 0, x, 0.01 * x)),
        (nn.LeakyReLU(0.2), np.where(x > 0, x, 0.2 * x)),
        (nn.Tanh(), np.tanh(x)),
        (nn.Sigmoid(), 1 / (1 + np.exp(-x))),
        (nn.Softplus(), np.logaddexp(0, x)),
        (nn.ELU(0.5), np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0)))),
        (nn.GELU(), functions.gelu(x)),
        (nn.GELU("tanh"), functions.gelu_tanh(x)),
        (nn.SiLU(), x / (1 + np.exp(-x))),
    ):
        np.testing.assert_allclose(layer(pg.tensor(x)).numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            nn.Conv2d(3, 64, 4),
            (2, 8, 8, 1),
            "Conv2d(3, 64): expected (N, H, W, 3), got (2, 8, 8, 1)",
        ),
        (nn.Conv2d(3, 64, 4), (8, 8, 3), "Conv2d(3, 64): expected (N, H, W, 3), got (8, 8, 3)"),
        (
            nn.ConvTranspose2d(5, 2, 4),
            (2, 8, 8, 1),
            "ConvTranspose2d(5, 2): expected (N, H, W, 5), got (2, 8, 8, 1)",
        ),
        (nn.Linear(5, 2), (3, 4), "Linear(5, 2): expected (N, 5), got (3, 4)"),
        (nn.Linear(5, 2), (5,), "Linear(5, 2): expected (N, 5), got (5,)"),
        (nn.BatchNorm(5), (3, 4), "BatchNorm(5): expected (N, ..., 5), got (3, 4)"),
        (nn.BatchNorm(5), (5,), "BatchNorm(5): expected (N, ..., 5), got (5,)"),
        (nn.BatchNorm(5), (1, 5), "BatchNorm(5): training needs at least 2 values per feature"),
        (nn.Reshape((2, 3)), (4, 5), "Reshape((2, 3)): expected 6 values a sample, got (4, 5)"),
        (nn.Flatten(), (), "Flatten(): expected (N, ...), got ()"),
    ],
)
def test_wrong_shapes_name_the_layer(
    layer: nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(pg.ShapeError, match=re.escape(message)):
        layer(pg.zeros(shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 2), "Linear: in_features must be a whole number >= 1, got 0"),
        (lambda: nn.Linear(2, 2.0), "Linear: out_features"),
        (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_size must be"),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), "Conv2d: kernel_size .* or a pair"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "Conv2d: padding must be a whole number >= 0"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d\\(3, 4\\): groups=2 must divide both"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, stride=0), "ConvTranspose2d: stride"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, 2, output_padding=2), "output_padding=.* less than"),
        (lambda: nn.BatchNorm(4, momentum=2), "BatchNorm: momentum must be in \\[0, 1\\], got 2"),
        (lambda: nn.BatchNorm(4, eps=-1), "BatchNorm: eps"),
        (lambda: nn.BatchNorm(True), "BatchNorm: features"),
        (lambda: nn.LeakyReLU(float("nan")), "LeakyReLU: negative_slope"),
        (lambda: nn.ELU(float("inf")), "ELU: alpha"),
        (lambda: nn.GELU("erf"), "GELU: approximate"),
        (lambda: nn.Reshape(5), "Reshape: shape must be a tuple"),
        (lambda: nn.Reshape((2, 0)), "Reshape: each extent"),
    ],
)
def test_bad_arguments(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(pg.ConfigError, match=message):
        make()
