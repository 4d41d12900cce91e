"""What the graph keeps, over many steps and in many threads: nothing that it need not."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import pygan as pg

rng = np.random.default_rng(0)


def variable(*shape: int, dtype: str = "float64") -> pg.Tensor:
    return pg.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)


def live() -> tuple[int, int]:
    gc.collect()
    return pg._core.live_nodes(), pg._core.memory_stats()["live_bytes"]


def test_live_nodes_and_memory_are_constant_over_1000_steps() -> None:
    weights = [variable(8, 16, dtype="float32"), variable(16, 1, dtype="float32")]
    x = pg.tensor(rng.standard_normal((32, 8)).astype("float32"))
    rate = pg.tensor(np.array([0.01, 0.9, 0, 0]))
    momenta = [pg.zeros(w.shape) for w in weights]

    def step() -> None:
        h = pg.ops.leaky_relu(x @ weights[0], 0.2)
        loss = pg.ops.square(h @ weights[1] - 1.0).mean()
        grads = pg.grad(loss, weights)
        pg._core.sgd_(weights, list(grads), momenta, rate)

    def penalised() -> None:
        v = pg.Tensor(x, requires_grad=True)
        (dx,) = pg.grad((pg.ops.tanh(v @ weights[0]) @ weights[1]).sum(), [v], create_graph=True)
        pg.ops.square(pg.ops.norm(dx, axis=1) - 1.0).mean().backward()
        for w in weights:
            w.grad = None

    counts = []
    for k in range(1000):
        step()
        if k % 10 == 0:
            penalised()
        if k % 100 == 99:
            counts.append(live())
    assert len(set(counts)) == 1, counts


def test_a_raising_step_leaks_nothing() -> None:
    x, w = variable(3, 4), variable(4, 2)

    def fail() -> None:
        y = (x @ w).sum()
        with pytest.raises(pg.ShapeError):
            pg.grad(pg.ops.exp(y), [x], [pg.zeros((2,), "float64")])
        with pytest.raises(pg.ShapeError):
            _ = x @ x

    fail()
    before = live()
    for _ in range(100):
        fail()
    assert live() == before


# Threads


def test_threads_record_and_differentiate_apart() -> None:
    w = variable(20, 20)
    expected = None
    results: list[np.ndarray] = []

    def work() -> None:
        y = w
        for _ in range(20):
            y = pg.ops.tanh(y @ w)
        results.append(pg.grad(y.sum(), [w])[0].numpy())

    work()
    expected = results.pop()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    for r in results:
        np.testing.assert_array_equal(r, expected)


def test_no_grad_holds_for_one_thread() -> None:
    seen = []
    with pg.no_grad():
        t = threading.Thread(target=lambda: seen.append(pg.is_grad_enabled()))
        t.start()
        t.join()
    assert seen == [True]


def test_an_error_in_a_thread_is_that_threads() -> None:
    errors = []

    def fail() -> None:
        try:
            _ = pg.zeros((2, 3)) @ pg.zeros((2, 3))
        except pg.ShapeError as e:
            errors.append(str(e))

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(errors) == 4
    assert all("matmul" in e for e in errors)
