"""Stopped in any way, a run goes on as if nothing had happened: to the bit."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from train_tools import command, everything, image_folder, tiny_settings, trainer

import pygan as pg
from pygan import cli
from pygan.train import runs
from pygan.train.rundir import RunDirectory

STEPS = 60


@pytest.mark.parametrize("game", ["non-saturating", "wgan-gp"])
def test_saved_and_loaded_is_the_same_as_never_stopped(game: str, tmp_path: Path):
    whole = trainer(game)
    whole.fit(7, progress=False)
    first = trainer(game)
    first.fit(4, progress=False)
    first.save(tmp_path / "x.safetensors")
    second = trainer(game, data=first.data)
    second.load(tmp_path / "x.safetensors")
    assert everything(second) == everything(first)
    second.fit(3, progress=False)
    # networks, optimizers, average, random numbers, order of the data: the whole file
    assert everything(second) == everything(whole)
    assert second.digests() == whole.digests()


def test_what_a_resumed_trainer_was_before_does_not_matter(tmp_path: Path):
    first = trainer()
    first.fit(2, progress=False)
    first.save(tmp_path / "x.safetensors")
    first.fit(2, progress=False)
    other = trainer()
    other.fit(9, progress=False)  # other weights, another epoch, other counters
    other.load(tmp_path / "x.safetensors")
    other.fit(2, progress=False)
    assert everything(other) == everything(first)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a run that nothing disturbed, ``runs/whole``."""
    folder = tmp_path_factory.mktemp("place")
    image_folder(folder / "images")
    process = _train(folder, "--name", "whole")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return folder


def _train(folder: Path, *more: str) -> subprocess.Popen[str]:
    intervals = ("score_every=1000", "sample_every=20", "checkpoint_every=7")
    settings = tiny_settings(*intervals, f"steps={STEPS}")
    return command("train", "--data", "images", *settings, *more, cwd=folder)


def _last(run: Path) -> bytes:
    return (run / "checkpoints" / f"step-{STEPS:06d}.safetensors").read_bytes()


def _steps(run: Path) -> list[int]:
    """What the run has logged so far, but for a line that is being written."""
    return [row["step"] for row in RunDirectory(run).rows()]


def _losses(run: Path) -> list[tuple[object, ...]]:
    keys = ("step", "loss_d", "loss_g", "swd", "swd_real")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [tuple(json.loads(line).get(key) for key in keys) for line in lines]


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)


def _wait_for(run: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Until the run has logged ``step``."""
    deadline = time.monotonic() + 60
    metrics = run / "metrics.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.is_file() and _steps(run) and _steps(run)[-1] >= step:
            return
        time.sleep(0.005)
    process.kill()
    pytest.fail(f"the run did not come to step {step}: {process.communicate()[1]}")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_step_and_saves(place: Path, signum: int, code: int):
    name = f"stopped-{code}"
    run = place / "runs" / name
    process = _train(place, "--name", name)
    _wait_for(run, 10, process)
    process.send_signal(signum)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert f"--resume runs/{name}" in output
    stopped = _steps(run)[-1]
    assert 10 <= stopped < STEPS
    assert (run / "checkpoints" / f"step-{stopped:06d}.safetensors").is_file()
    process = command("train", "--resume", name, cwd=place)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"after step {stopped}" in output
    assert _last(run) == _last(place / "runs" / "whole")
    assert _losses(run) == _losses(place / "runs" / "whole")


def test_killed_at_random_moments(place: Path):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest where this fails
    rng = random.Random(seed)
    run = place / "runs" / "killed"
    process = _train(place, "--name", "killed")
    try:
        for kill in range(5):
            # The first kills fall into the start and the first scores, the others between steps or
            # into a save.
            reached = _steps(run)[-1] if kill and _steps(run) else 0
            if kill > 1:
                _wait_for(run, reached, process)
            elif kill == 0:
                _wait_until((run / "config.toml").is_file)
            time.sleep(rng.random() * 0.3)
            process.kill()
            process.communicate()
            process = command("train", "--resume", "killed", cwd=place)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    whole = place / "runs" / "whole"
    assert _last(run) == _last(whole)
    assert _losses(run) == _losses(whole)
    assert sorted(p.name for p in (run / "samples").iterdir()) == sorted(
        p.name for p in (whole / "samples").iterdir()
    )
    for picture in (whole / "samples").iterdir():
        assert (run / "samples" / picture.name).read_bytes() == picture.read_bytes()
    assert not list(run.rglob("*.tmp"))


def test_killed_before_the_first_checkpoint(place: Path):
    run = place / "runs" / "early"
    run.mkdir()
    process = command("train", "--resume", "early", cwd=place)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "start again" in errors
    assert errors.count("\n") == 1
    (run / "config.toml").write_bytes((place / "runs" / "whole" / "config.toml").read_bytes())
    process = command("train", "--resume", "early", cwd=place)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert _last(run) == _last(place / "runs" / "whole")


def test_a_resume_from_a_broken_checkpoint_says_so(place: Path):
    run = place / "runs" / "broken"
    process = _train(place, "--name", "broken", "--steps", "20")
    assert process.wait(120) == 0
    process.communicate()
    newest = run / "checkpoints" / "step-000020.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    resumed = command("train", "--resume", "broken", "--steps", str(STEPS), cwd=place)
    _, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, errors
    assert "pygan: warning: checkpoint runs/broken/checkpoints/step-000020" in errors
    assert _last(run) == _last(place / "runs" / "whole")


def test_a_longer_run_is_the_shorter_one_gone_on(place: Path):
    process = _train(place, "--name", "short", "--steps", "23")
    assert process.wait(120) == 0
    process.communicate()
    run = place / "runs" / "short"
    resumed = command("train", "--resume", "short", "--steps", str(STEPS), cwd=place)
    _, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, errors
    assert _last(run) == _last(place / "runs" / "whole")
    assert f"steps = {STEPS}" in (run / "config.toml").read_text()


def test_a_resumed_run_logs_what_an_unbroken_one_does(tmp_path: Path):
    image_folder(tmp_path / "images")
    source = ["train", "--data", str(tmp_path / "images"), "--out", str(tmp_path / "runs")]

    def run(name: str, log: int, *steps: int) -> list[dict[str, object]]:
        path = tmp_path / "runs" / name
        for step in steps:
            if step == steps[0]:
                settings = tiny_settings("score_every=4", f"log_every={log}")
                where = [*source, "--name", name, *settings]
            else:
                where = ["train", "--resume", str(path)]
            assert cli.main([*where, "--steps", str(step)]) == 0
        rows = RunDirectory(path).rows()
        return [{k: v for k, v in r.items() if k not in ("time_s", "images_per_s")} for r in rows]

    for log in (1, 3):
        whole = run(f"whole-{log}", log, 9)
        assert run(f"parts-{log}", log, 4, 5, 9) == whole
        assert [row["step"] for row in whole if "swd" in row] == [0, 4, 8, 9]


def test_a_resume_that_is_refused_leaves_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    image_folder(tmp_path / "images")
    settings = tiny_settings("steps=2")
    source = ["--data", str(tmp_path / "images"), "--out", str(tmp_path), "--name", "x"]
    assert cli.main(["train", *source, *settings]) == 0
    run = RunDirectory(tmp_path / "x")
    before = run.config.read_bytes()
    resume = ["train", "--resume", str(run.path)]
    capsys.readouterr()
    assert cli.main([*resume, "--steps", "1"]) == 2
    assert "steps 1 is less than the 2" in capsys.readouterr().err
    assert run.config.read_bytes() == before
    with run.locked():
        # It must not even look at a checkpoint that another process may be replacing.
        run.checkpoint_path(2).rename(tmp_path / "away")
        assert cli.main([*resume, "--steps", "9"]) == 2
        assert "another process" in capsys.readouterr().err
        (tmp_path / "away").rename(run.checkpoint_path(2))
    assert run.config.read_bytes() == before
    held = runs.resume(str(run.path), warn=pytest.fail)  # from here on, not only while it trains
    with pytest.raises(pg.ConfigError, match="another process"):
        run.lock()
    held.train(progress=False)
    run.lock()
    run.unlock()


def test_one_process_at_a_time_trains_a_run(place: Path):
    run = RunDirectory(place / "runs" / "whole")
    with (
        run.locked(),
        pytest.raises(pg.ConfigError, match="another process"),
        RunDirectory(run.path).locked(),
    ):
        pass
