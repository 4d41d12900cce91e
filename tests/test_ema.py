"""The moving average: its formula, its module, its state."""

from __future__ import annotations

import numpy as np
import pytest
from test_optim import give_gradients, gradients, parameters

import pygan as pg
from pygan import nn


def small_generator() -> nn.Sequential:
    nn.init.seed(0)
    return nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm(4), nn.Tanh())


@pytest.mark.parametrize("warmup", [True, False])
def test_ema_against_the_formula(warmup: bool) -> None:
    params = parameters()
    ema = pg.optim.EMA(params, decay=0.8, warmup=warmup)
    expected = [p.numpy().copy() for p in params]
    opt = pg.optim.SGD(params, lr=0.5)
    for t in range(40):
        give_gradients(params, list(gradients(t)))
        opt.step()
        ema.update()
        d = min(0.8, (1 + t) / (10 + t)) if warmup else 0.8
        expected = [d * a + (1 - d) * p.numpy() for a, p in zip(expected, params, strict=True)]
    assert ema.updates == 40
    for average, e in zip(ema.averages, expected, strict=True):
        np.testing.assert_allclose(average.numpy(), e, rtol=1e-12)


def test_ema_of_a_module_is_a_module_that_samples() -> None:
    live = small_generator()
    ema = pg.optim.EMA(live, decay=0.5, warmup=False)
    assert ema.module is not None
    assert not any(m.training for m in ema.module.modules())
    assert not any(p.requires_grad for p in ema.module.parameters())
    start = live[0].weight.numpy().copy()
    z = pg.tensor(np.random.default_rng(0).standard_normal((6, 3)).astype("float32"))
    statistics = [b.numpy().copy() for b in ema.module.buffers()]
    live(z)  # moves the running statistics
    live[0].weight.assign_(start + 2)
    assert np.array_equal(ema.module[0].weight.numpy(), start)  # memory of its own
    ema.update()
    np.testing.assert_allclose(ema.module[0].weight.numpy(), start + 1, rtol=1e-6)
    for own, theirs, old in zip(ema.module.buffers(), live.buffers(), statistics, strict=True):
        if own.dtype == "int64":  # a counter
            assert np.array_equal(own.numpy(), theirs.numpy())
        else:  # averaged like weights
            np.testing.assert_allclose(own.numpy(), (old + theirs.numpy()) / 2, rtol=1e-6)
    assert ema.module(z).shape == (6, 4)
    assert not ema.module(z).requires_grad
    assert live.training
    assert all(p.requires_grad for p in live.parameters())


def test_ema_state() -> None:
    live = small_generator()
    ema = pg.optim.EMA(live)
    live(pg.tensor(np.random.default_rng(0).standard_normal((6, 3)).astype("float32")))
    for _ in range(3):
        live[0].weight.assign_(live[0].weight.numpy() + 1)
        ema.update()
    state = {name: t.numpy().copy() for name, t in ema.state_dict().items()}
    assert set(state) == {f"avg/{name}" for name in live.state_dict()} | {"updates"}
    other = pg.optim.EMA(small_generator())
    other.load_state_dict(state)
    assert other.updates == 3
    assert other.module is not None
    assert ema.module is not None
    for a, b in zip(
        other.module.state_dict().values(), ema.module.state_dict().values(), strict=True
    ):
        assert np.array_equal(a.numpy(), b.numpy())
    del state["updates"]
    with pytest.raises(pg.ConfigError, match="EMA: state does not fit: missing: updates"):
        other.load_state_dict(state)
