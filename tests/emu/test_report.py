"""pg.emu: what check() raises and counts, schedules, and python -m pygan.emu.report."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import pygan as pg
from pygan.emu import report as command
from pygan.emu.examples import EXAMPLES

pytestmark = pytest.mark.emu


def some(*shape: int) -> pg.Tensor:
    return pg.tensor(
        np.random.default_rng(0).standard_normal(shape).astype("float32"), device="emu"
    )


def test_counts_of_a_copying_kernel() -> None:
    """1000 floats: 32 warps, the last of 8 lanes; 8 floats a sector."""
    x = some(1000)
    with pg.emu.check() as report:
        pg.ops.leaky_relu(x)
        pg.ops.leaky_relu(x)
    (kernel,) = report.kernels
    assert (kernel.kernel, kernel.launches, kernel.threads) == ("forward<float>", 2, 2 * 1024)
    read, write = sorted(report.lines, key=lambda line: line.kind)
    for line, kind in ((read, "read"), (write, "write")):
        assert (line.kind, line.space, line.conflicts) == (kind, "global", 0)
        assert (line.warps, line.accesses, line.bytes) == (2 * 32, 2 * 1000, 2 * 4000)
        assert line.sectors == line.ideal_sectors == 2 * 125
        assert line.file.endswith("leaky_relu_cuda.cu")
        assert line.source, "the line's text"
    assert "x[i]" in read.source
    assert "y[i] =" in write.source


def test_only_launches_inside_count() -> None:
    x = some(64)
    pg.ops.relu(x)
    with pg.emu.check() as outer:
        pg.ops.relu(x)
        with pg.emu.check() as inner:
            pg.ops.relu(x)
    pg.ops.relu(x)
    assert [r.kernels[0].launches for r in (inner, outer)] == [1, 2]
    with pg.emu.check() as nothing:
        pass
    assert nothing.table() == "no kernel ran on emu"
    with pg.emu.check(traffic=False) as quick:
        pg.ops.relu(x)
    assert quick.kernels
    assert not quick.lines


def test_unwritten_memory_is_reported_where_a_kernel_reads_it() -> None:
    before = pg._core.empty((40,), device="emu")
    with pg.emu.check():
        pg.ops.relu(before)  # who knows who wrote it
        x = pg._core.empty((40,), device="emu")
        with pytest.raises(pg.EmulatorError) as error:
            pg.ops.relu(x)
        assert re.fullmatch(
            r"relu of float32 \(40,\) on emu: leaky_relu_cuda\.cu:\d+: kernel forward<float>: "
            r"read of memory that nobody has written yet: thread \(0,0,0\) of block \(0,0,0\) "
            r"reads 4 bytes at leaky_relu_cuda\.cu:\d+, byte 0 of global block \d+ \(160 bytes.*\)",
            str(error.value),
        )
        for written in (pg.zeros((40,), device="emu"), some(40), some(40) + 1.0):
            pg.ops.relu(written)
        pg.ops.relu(pg.tensor(np.ones(40, "float32")).to("emu"))
    pg.ops.relu(x)


def test_the_whole_process() -> None:
    program = (
        "import pygan as pg; x = pg._core.empty((4,), device='emu')\n"
        "try: pg.ops.relu(x)\n"
        "except pg.EmulatorError: print('found')"
    )
    for value, printed in (("1", "found"), ("0", ""), ("", "")):
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYGAN_EMU_CHECK": value, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == printed


def test_lines_need_addr2line() -> None:
    """Without binutils mistakes are still found, and the message says what to install."""
    program = (
        "import os; os.environ['PATH'] = '/nowhere'\n"
        "import pygan as pg; x = pg._core.empty((4,), device='emu')\n"
        "try: pg.ops.relu(x)\n"
        "except pg.EmulatorError as e: print(e)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYGAN_EMU_CHECK": "1", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nobody has written yet" in run.stdout
    assert "need addr2line: install binutils" in run.stdout


def test_schedules() -> None:
    before = pg.emu.get_schedule()
    with pg.emu.schedule("random:7"):
        assert pg.emu.get_schedule() == "random:7"
        with pg.emu.schedule("reverse"):
            assert pg.emu.get_schedule() == "reverse"
        assert pg.emu.get_schedule() == "random:7"
    assert pg.emu.get_schedule() == before
    for wrong in ("", "random", "random:", "random:x", "backwards"):
        with pytest.raises(pg.ConfigError, match="forward, reverse or random:SEED"):
            pg.emu.set_schedule(wrong)
    assert pg.emu.get_schedule() == before


def test_report_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["matmul", "--shape", "70,40", "--shape", "40,30"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^matmul<.*>: launches 1, blocks \d+, threads \d+$", text, re.M)
    assert re.search(r"_cuda\.\w+:\d+ +barrier +\d+ ", text)
    assert re.search(r"shared read( +\d+)+  \S", text)
    assert command.main(["relu", "--backward"]) == 0
    assert "backward<float>" in capsys.readouterr().out
    assert command.main(["--list"]) == 0
    assert "conv2d" in capsys.readouterr().out.split()
    for wrong, message in (
        (["convolve"], "convolve: no such operation"),
        (["relu", "--shape", "3", "--shape", "4"], "2 shapes given, its example has 1"),
        (["relu", "--schedule", "up"], "forward, reverse or random:SEED"),
        (["equal", "--backward"], "equal has no derivative"),
        (["matmul", "--set", "c=1"], "c"),
    ):
        assert command.main(wrong) == 2
        assert message in capsys.readouterr().err


def test_every_operation_has_an_example() -> None:
    assert {name for name in vars(pg._core.ops) if not name.startswith("_")} == EXAMPLES.keys()


@pytest.mark.parametrize("op", EXAMPLES)
def test_example(op: str) -> None:
    try:
        report = command.measure(op)
    except pg.DeviceError as error:
        pytest.skip(str(error))
    assert not report.trouble
    assert all(line.line for line in report.lines)
