"""Optimizers and the moving average against NumPy in float64, and their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pygan as pg
from pygan import nn

SHAPES = [(3, 4), (4,), (2, 2, 3, 1), ()]


def parameters(dtype: str = "float64", seed: int = 0) -> list[nn.Parameter]:
    rng = np.random.default_rng(seed)
    return [nn.Parameter(np.asarray(rng.standard_normal(s), dtype)) for s in SHAPES]


def give_gradients(params: list[nn.Parameter], grads: list[np.ndarray | None]) -> None:
    """Leaves exactly `grads` in .grad: the gradient of sum(p c) is c."""
    for p, g in zip(params, grads, strict=True):
        p.grad = None  # .grad accumulates
        if g is not None:
            (p * pg.tensor(np.asarray(g, p.dtype))).sum().backward()


def gradients(step: int) -> list[np.ndarray]:
    rng = np.random.default_rng(100 + step)
    return [np.asarray(rng.standard_normal(s)) for s in SHAPES]


def numpy_sgd(
    params: list[np.ndarray],
    steps: list[list[np.ndarray | None]],
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> list[np.ndarray]:
    params = [p.copy() for p in params]
    velocity: list[np.ndarray | None] = [None] * len(params)
    for grads in steps:
        for i, g in enumerate(grads):
            if g is None:
                continue
            g = g + weight_decay * params[i]
            if momentum:
                before = velocity[i]
                velocity[i] = g if before is None else momentum * before + g
                g = g + momentum * velocity[i] if nesterov else velocity[i]
            params[i] = params[i] - lr * g
    return params


def numpy_adam(
    params: list[np.ndarray],
    steps: list[list[np.ndarray | None]],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> list[np.ndarray]:
    params = [p.copy() for p in params]
    m = [np.zeros_like(p) for p in params]
    v = [np.zeros_like(p) for p in params]
    t = [0] * len(params)
    for grads in steps:
        for i, g in enumerate(grads):
            if g is None:
                continue
            t[i] += 1
            g = g + weight_decay * params[i]
            m[i] = betas[0] * m[i] + (1 - betas[0]) * g
            v[i] = betas[1] * v[i] + (1 - betas[1]) * g * g
            m_hat = m[i] / (1 - betas[0] ** t[i])
            v_hat = v[i] / (1 - betas[1] ** t[i])
            params[i] = params[i] - lr * m_hat / (np.sqrt(v_hat) + eps)
    return params


def numpy_rmsprop(
    params: list[np.ndarray],
    steps: list[list[np.ndarray | None]],
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> list[np.ndarray]:
    params = [p.copy() for p in params]
    square, average, buffer = ([np.zeros_like(p) for p in params] for _ in range(3))
    for grads in steps:
        for i, g in enumerate(grads):
            if g is None:
                continue
            g = g + weight_decay * params[i]
            square[i] = alpha * square[i] + (1 - alpha) * g * g
            variance = square[i]
            if centered:
                average[i] = alpha * average[i] + (1 - alpha) * g
                variance = square[i] - average[i] ** 2
            g = g / (np.sqrt(variance) + eps)
            if momentum:
                buffer[i] = momentum * buffer[i] + g
                g = buffer[i]
            params[i] = params[i] - lr * g
    return params


CASES: list[tuple[type, Callable[..., list[np.ndarray]], dict[str, Any]]] = [
    (pg.optim.SGD, numpy_sgd, {"lr": 0.1}),
    (pg.optim.SGD, numpy_sgd, {"lr": 0.1, "weight_decay": 0.3}),
    (pg.optim.SGD, numpy_sgd, {"lr": 0.1, "momentum": 0.9}),
    (pg.optim.SGD, numpy_sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3}),
    (
        pg.optim.SGD,
        numpy_sgd,
        {"lr": 0.1, "momentum": 0.7, "weight_decay": 0.3, "nesterov": True},
    ),
    (pg.optim.Adam, numpy_adam, {}),
    (pg.optim.Adam, numpy_adam, {"lr": 0.05, "betas": (0.0, 0.9)}),
    (pg.optim.Adam, numpy_adam, {"lr": 0.05, "betas": (0.5, 0.999), "eps": 1e-2}),
    (pg.optim.Adam, numpy_adam, {"lr": 0.05, "weight_decay": 0.3}),
    (pg.optim.RMSProp, numpy_rmsprop, {}),
    (pg.optim.RMSProp, numpy_rmsprop, {"lr": 5e-5}),
    (pg.optim.RMSProp, numpy_rmsprop, {"alpha": 0.8, "eps": 1e-2, "weight_decay": 0.3}),
    (pg.optim.RMSProp, numpy_rmsprop, {"alpha": 0.8, "momentum": 0.7}),
    (pg.optim.RMSProp, numpy_rmsprop, {"alpha": 0.5, "centered": True}),
    (
        pg.optim.RMSProp,
        numpy_rmsprop,
        {"alpha": 0.5, "centered": True, "momentum": 0.7, "weight_decay": 0.3},
    ),
]


@pytest.mark.parametrize("skip", [False, True], ids=["all", "skipping"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("optimizer", "formula", "settings"), CASES, ids=lambda v: str(v) if isinstance(v, dict) else ""
)
def test_against_the_formula(
    optimizer: type,
    formula: Callable[..., list[np.ndarray]],
    settings: dict[str, Any],
    dtype: str,
    skip: bool,
) -> None:
    params = parameters(dtype)
    start = [p.numpy().astype("float64") for p in params]
    steps: list[list[np.ndarray | None]] = [list(gradients(k)) for k in range(6)]
    if skip:  # one parameter without a gradient now and then: it is left alone and does not age
        steps[0][1] = steps[3][1] = steps[3][0] = None
    opt = optimizer(params, **settings)
    for grads in steps:
        give_gradients(params, grads)
        opt.step()
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for p, expected in zip(params, formula(start, steps, **settings), strict=True):
        assert p.dtype == dtype
        np.testing.assert_allclose(p.numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("optimizer", "settings"), [(c[0], c[2]) for c in CASES], ids=lambda v: str(v)
)
def test_resume_to_the_bit(optimizer: type, settings: dict[str, Any]) -> None:
    def run(params: list[nn.Parameter], opt: Any, steps: range) -> list[bytes]:
        for k in steps:
            grads: list[np.ndarray | None] = list(gradients(k))
            if k == 1:
                grads[2] = None  # so that the parameters' ages differ
            give_gradients(params, grads)
            opt.step()
        return [p.numpy().tobytes() for p in params]

    whole = parameters("float32")
    expected = run(whole, optimizer(whole, **settings), range(7))

    first = parameters("float32")
    opt = optimizer(first, **settings)
    run(first, opt, range(3))
    saved = {name: t.numpy().copy() for name, t in opt.state_dict().items()}
    second = [nn.Parameter(p.numpy()) for p in first]
    other = optimizer(second, **{**settings, "lr": 0.77})
    other.load_state_dict(saved)
    assert other.lr == opt.lr
    assert run(second, other, range(3, 7)) == expected


def test_state_names() -> None:
    layer = nn.Linear(2, 3)
    assert list(pg.optim.Adam(layer.named_parameters()).state_dict()) == [
        "lr",
        "m/weight",
        "m/bias",
        "v/weight",
        "v/bias",
        "steps",
    ]
    assert "m/1" in pg.optim.Adam(layer.parameters()).state_dict()
    assert list(pg.optim.SGD(layer.named_parameters(), lr=1.0).state_dict()) == ["lr"]
    state = pg.optim.SGD(layer.named_parameters(), lr=1.0, momentum=0.5).state_dict()
    assert list(state) == ["lr", "momentum/weight", "momentum/bias"]
    state = pg.optim.RMSProp(layer.named_parameters()).state_dict()
    assert list(state) == ["lr", "v/weight", "v/bias"]
    state = pg.optim.RMSProp(layer.parameters(), momentum=0.5, centered=True).state_dict()
    assert list(state) == [
        "lr",
        *(f"{part}/{i}" for part in ("v", "momentum", "average") for i in "01"),
    ]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    params = parameters()
    opt = pg.optim.Adam(params)
    give_gradients(params, list(gradients(0)))
    opt.step()
    before = {name: t.numpy().copy() for name, t in opt.state_dict().items()}
    bad = {**before, "m/0": before["m/0"].T, "extra": before["lr"], "lr": before["lr"] * 2}
    del bad["v/3"]
    with pytest.raises(pg.ConfigError) as error:
        opt.load_state_dict(bad)
    for part in ("missing: v/3", "unexpected: extra", "m/0: expected float64 (3, 4)", "(4, 3)"):
        assert part in str(error.value)
    for name, t in opt.state_dict().items():
        assert np.array_equal(t.numpy(), before[name]), name


def test_lr_can_be_set_between_steps() -> None:
    params = parameters()
    start = [p.numpy().copy() for p in params]
    opt = pg.optim.SGD(params, lr=0.1)
    give_gradients(params, list(gradients(0)))
    opt.lr = 0.0
    opt.step()
    assert all(np.array_equal(p.numpy(), s) for p, s in zip(params, start, strict=True))
    opt.lr = 2
    opt.step()
    np.testing.assert_allclose(params[0].numpy(), start[0] - 2 * gradients(0)[0], rtol=1e-14)
    with pytest.raises(pg.ConfigError, match="SGD: lr"):
        opt.lr = float("nan")
    assert opt.lr == 2.0


def test_zero_grad_and_a_step_without_gradients() -> None:
    params = parameters()
    give_gradients(params, list(gradients(0)))
    params[1].requires_grad_(False)
    opt = pg.optim.Adam(params)
    opt.zero_grad()
    assert all(p.grad is None for p in params)
    before = [p.numpy().copy() for p in params]
    opt.step()
    assert all(np.array_equal(p.numpy(), b) for p, b in zip(params, before, strict=True))
    assert not opt.state_dict()["steps"].numpy().any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: pg.optim.Adam(p, lr=-1.0), "Adam: lr must be a number finite and >= 0, got -1"),
        (lambda p: pg.optim.Adam(p, lr="1"), "Adam: lr"),
        (lambda p: pg.optim.Adam(p, betas=(1.0, 0.9)), "Adam: betas\\[0\\] .* \\[0, 1\\), got 1.0"),
        (lambda p: pg.optim.Adam(p, betas=(0.5, -0.1)), "Adam: betas\\[1\\]"),
        (lambda p: pg.optim.Adam(p, betas=0.5), "Adam: betas must be a pair"),
        (lambda p: pg.optim.Adam(p, eps=float("inf")), "Adam: eps"),
        (lambda p: pg.optim.Adam(p, weight_decay=-1), "Adam: weight_decay"),
        (lambda p: pg.optim.SGD(p, lr=0.1, momentum=1.0), "SGD: momentum"),
        (lambda p: pg.optim.RMSProp(p, alpha=1.0), "RMSProp: alpha"),
        (lambda p: pg.optim.RMSProp(p, eps=-1.0), "RMSProp: eps"),
        (lambda p: pg.optim.RMSProp(p, momentum=1.0), "RMSProp: momentum"),
        (lambda p: pg.optim.RMSProp(p, centered=1), "RMSProp: centered must be True or False"),
        (lambda p: pg.optim.clip_(p, 1.0, -1.0), "clip_: needs finite low <= high, got 1.0 and -1"),
        (lambda p: pg.optim.clip_(p, 0.0, float("nan")), "clip_: needs finite low <= high"),
        (lambda p: pg.optim.SGD(p, lr=0.1, nesterov=True), "SGD: nesterov needs momentum > 0"),
        (lambda p: pg.optim.SGD([], lr=0.1), "SGD: params is empty"),
        (lambda p: pg.optim.SGD([p[0], p[0]], lr=0.1), "SGD: parameter '1' appears twice"),
        (lambda p: pg.optim.SGD([np.zeros(3)], lr=0.1), "SGD: params must be tensors"),
        (lambda p: pg.optim.EMA(p, decay=1.0), "EMA: decay"),
        (lambda p: pg.optim.EMA([]), "EMA: params is empty"),
        (lambda p: pg.optim.get("adamw", p), "unknown optimizer 'adamw': did you mean 'adam'"),
        (lambda p: pg.optim.get("sgd", p, lr=1.0, moment=0.1), "did you mean 'momentum'"),
    ],
)
def test_bad_values_name_the_argument(
    make: Callable[[list[nn.Parameter]], Any], message: str
) -> None:
    with pytest.raises(pg.ConfigError, match=message):
        make(parameters())


def test_an_optimizer_built_before_to() -> None:
    layer = nn.Linear(2, 2)
    optimizer = pg.optim.Adam(layer.parameters())
    layer.to("float64")(pg.zeros((1, 2), "float64")).sum().backward()
    with pytest.raises(pg.DTypeError, match=r"Adam: .* build the optimizer after Module\.to"):
        optimizer.step()


def test_a_constant_gradient_leaves_a_centred_variance_of_nothing() -> None:
    """v - a^2 tends to 0 there, and rounding takes it below: no NaN may come of it."""
    params = [nn.Parameter(np.linspace(-1, 1, 4096, dtype="float32"))]
    opt = pg.optim.RMSProp(params, lr=1e-12, alpha=0.5, centered=True)
    grads = [np.random.default_rng(0).standard_normal(4096)]
    below = False
    for _ in range(60):
        give_gradients(params, grads)
        opt.step()
        state = {name: t.numpy() for name, t in opt.state_dict().items()}
        below |= bool((state["v/0"] - state["average/0"] ** 2 < 0).any())
    assert below  # or this shows nothing
    assert np.isfinite(params[0].numpy()).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping(dtype: str) -> None:
    arrays = [np.random.default_rng(0).standard_normal(s).astype(dtype) for s in (33, (3, 5), ())]
    arrays[0][:4] = [np.inf, -np.inf, np.nan, -0.01]
    params = [nn.Parameter(a) for a in arrays]
    square = pg.ops.square(params[0]).sum()
    pg.optim.clip_(params, -0.01, 0.5)
    for p, a in zip(params, arrays, strict=True):
        np.testing.assert_array_equal(p.numpy(), np.clip(a, dtype_of(a, -0.01), dtype_of(a, 0.5)))
    with pytest.raises(pg.Error, match="changed in place"):  # the graph saw the old values
        square.backward()
    pg.optim.clip_([], -1.0, 1.0)


def dtype_of(a: np.ndarray, value: float) -> np.ndarray:
    return np.asarray(value, a.dtype)


def test_bias_corrections_do_not_come_from_libm() -> None:
    for base in (0.0, 0.5, 0.9, 0.999):
        for t in (1, 2, 3, 100, 12345):
            assert pg._core.power(base, t) == pytest.approx(base**t, rel=1e-12)
