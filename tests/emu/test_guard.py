"""PYGAN_EMU_GUARD=1: host code that follows a pointer to device memory is found; pygan has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.emu,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]

READ = """
import ctypes
import pygan as pg

x = pg.zeros(5, device="emu")
y = x + 1
assert y.numpy().tolist() == [1.0] * 5
ctypes.string_at(pg._core.data_pointer(y) + 4, 4)
"""

OPERATIONS = """
import pygan as pg
from pygan.emu.examples import EXAMPLES, example, tensors

for op in EXAMPLES:
    call = example(op, [], {})
    y = getattr(pg.ops, op)(*tensors(op, call, "float32", True), **call.settings)
    first = y[0] if isinstance(y, (tuple, list)) else y
    if first.requires_grad:
        first.sum().backward()
"""

TRAINING = """
import pygan as pg

optimizer = {"name": "rmsprop", "lr": 1e-3}
games = [pg.games.get("wgan"), pg.games.get("wgan-gp"), pg.games.Hinge(d_optimizer=optimizer)]
for game in games:
    G = pg.models.MLPGenerator(2, latent=2, width=8, depth=1).to("emu")
    D = pg.models.MLPDiscriminator(2, width=8, depth=1).to("emu")
    trainer = pg.Trainer(G, D, game=game, data=pg.data.ring(100), batch_size=8)
    for _ in range(4):  # eager, recorded and replayed
        trainer.train_step()
    assert trainer.steps.replays > 0
    trainer.digests()
"""


def run(script: str, guard: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYGAN_EMU_GUARD": guard},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_read_by_the_host_ends_the_process():
    ended = run(READ, "1")
    assert ended.returncode == -signal.SIGSEGV, ended.stderr
    assert ended.stderr == (
        "pygan emu: host code touches device memory, byte 4 of block 3 (20 bytes, made by add): "
        "a GPU's memory is read by copies and kernels only\n"
    )
    assert run(READ, "0").returncode == 0


@pytest.mark.parametrize("script", [OPERATIONS, TRAINING], ids=["operations", "training"])
def test_no_host_code_of_pygan_does(script: str):
    ended = run(script, "1")
    assert ended.returncode == 0, ended.stderr
