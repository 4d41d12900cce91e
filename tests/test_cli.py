"""The command line: what it says, what it refuses, and that it overwrites nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from train_tools import SIZE, command, image_folder, tiny_settings

import pygan as pg
from pygan import cli
from pygan.errors import ConfigError
from pygan.train import recipes, toml
from pygan.train.config import override, resolve


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with a folder of images, made the current one."""
    image_folder(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*more: str) -> int:
    settings = tiny_settings("steps=3", "checkpoint_every=2")
    return cli.main(["train", "--data", "images", *settings, *more])


# Settings


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_written_back_is_itself(name: str):
    config = resolve(recipes.load(name))
    assert config.description
    assert config.seed == 0
    text = config.to_toml()
    assert resolve(tomllib.loads(text)) == config
    assert resolve(tomllib.loads(text)).to_toml() == text


def test_the_recipes_are_those_of_the_papers():
    default, critic = (resolve(recipes.load(name)) for name in ("default", "wgan-gp"))
    assert default.game["name"] == "non-saturating"
    assert default.discriminator.norm == "batch"
    assert critic.discriminator.norm == "none"
    assert (critic.game["weight"], critic.game["n_critic"]) == (10.0, 5)
    assert critic.game["d_optimizer"]["lr"] == 1e-4
    assert critic.game["d_optimizer"]["betas"] == [0.0, 0.9]


def test_settings_override_a_recipe():
    table = recipes.load("default")
    settings = ["generator.width = 16", "game.g_optimizer.lr=1e-3", 'generator.norm="none"']
    config = resolve(override(table, [*settings, "data.image_size=[32, 64]"]))
    assert config.generator.width == 16
    assert config.generator.norm == "none"
    assert config.game["g_optimizer"]["lr"] == 1e-3
    assert config.game["d_optimizer"]["lr"] == resolve(table).game["d_optimizer"]["lr"]
    assert config.data.image_size == (32, 64)
    # another game brings its own defaults, and needs no quotes
    other = resolve(override(table, ["game=wgan-gp"]))
    assert other.game == resolve({"game": {"name": "wgan-gp"}}).game
    assert other.discriminator.norm == "none"
    # another optimizer has other settings
    sgd = resolve(override(table, ["game.d_optimizer={name='sgd', lr=0.1, momentum=0.5}"]))
    assert sgd.game["d_optimizer"]["momentum"] == 0.5
    assert "d_optimizer" in table["game"]  # the recipe's own table stays as it was


def test_toml_is_written_as_it_is_read():
    table = {
        "text": 'quote " slash \\ newline \n tab \t del \x7f unicode ä 😀 control \x01',
        "yes": True,
        "number": -3,
        "small": 1e-05,
        "big": 1e300,
        "list": [1, 2.5, "x", [True]],
        "empty": [],
        "table": {"a": 1, "odd key": 2, "inner": {"b": ""}},
    }
    assert tomllib.loads(toml.dumps(table)) == table
    for wrong in (float("nan"), float("inf"), None, object()):
        with pytest.raises(ConfigError):
            toml.dumps({"x": wrong})


# Mistakes (the table of them is in test_cli_mistakes.py)


@pytest.mark.parametrize("variable", ["PYGAN_NUM_THREADS", "PYGAN_CPU"])
def test_a_wrong_environment_leaves_no_run(
    variable: str, place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, "foo")
    process = command("train", "--data", "images", *tiny_settings("steps=1"), cwd=place)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert re.fullmatch(rf"pygan: error: {variable}=foo[^\n]+\n", errors), errors
    assert output == ""
    assert not (place / "runs").exists()


def test_a_traceback_only_where_it_is_asked_for(place: Path):
    for value, shown in (("1", True), ("0", False)):
        os.environ["PYGAN_TRACEBACK"] = value
        try:
            process = command("train", "defualt", cwd=place)
            _, errors = process.communicate(timeout=60)
        finally:
            del os.environ["PYGAN_TRACEBACK"]
        assert process.returncode == 2
        assert ("Traceback" in errors) == shown
        assert errors.endswith(f"known: {', '.join(recipes.names())}\n")


def test_networks_that_make_nan_end_with_6(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert train("--set", "game.d_optimizer.lr=1e30", "--set", "game.g_optimizer.lr=1e30") == 6
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.match(r"pygan: error: step \d, (discriminator|generator): ", last)
    assert (place / "runs/default-1/checkpoints/step-000000.safetensors").is_file()


# Training


def test_a_run_from_start_to_samples(place: Path, capsys: pytest.CaptureFixture[str]):
    assert train() == 0
    output, errors = capsys.readouterr()
    run = place / "runs" / "default-1"
    digests = re.findall(r"^sha256 +(\w+) +([0-9a-f]{64})$", output, re.M)
    assert [name for name, _ in digests] == ["G", "D", "EMA"]
    for part in ("swd ", "real images", "runs/default-1/report.html", "pygan sample", "--resume"):
        assert part in output
    assert "step 0: swd" in errors
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["steps"] == 3
    assert config["discriminator"]["norm"] == "batch"
    assert config["data"]["path"] == str(place / "images")
    assert (run / "report.html").is_file()

    # the same again: another directory, the same weights; config.toml is a recipe
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert cli.main(["train", str(run / "config.toml"), "--name", "again"]) == 0
    again = capsys.readouterr().out
    assert re.findall(r"^sha256 +(\w+) +([0-9a-f]{64})$", again, re.M) == digests
    assert train("--seed", "1") == 0
    other = capsys.readouterr().out
    assert "runs/default-2" in other
    assert digests[0][1] not in other
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before

    # a finished run has nothing left to do
    assert cli.main(["train", "--resume", "default-1"]) == 0
    assert re.findall(r"^sha256 +(\w+) +([0-9a-f]{64})$", capsys.readouterr().out, re.M) == digests
    # and cannot go on as another one
    assert cli.main(["train", "--resume", "default-1", "--set", "batch_size=4"]) == 2
    assert "batch_size cannot change on a resume" in capsys.readouterr().err

    _check_samples(place, capsys)


def _check_samples(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def sample(*more: str) -> int:
        return cli.main(["sample", "default-1", *more])

    assert sample("-n", "9", "--seed", "3", "-o", "a.png") == 0
    assert capsys.readouterr().out == "a.png\n"
    with Image.open(place / "a.png") as picture:
        assert picture.size == (4 * (3 * (SIZE + 2) + 2),) * 2
        assert picture.mode == "L"
    first = (place / "a.png").read_bytes()
    checkpoint = "runs/default-1/checkpoints/step-000003.safetensors"
    assert cli.main(["sample", checkpoint, "-n", "9", "--seed", "3", "-o", "b.png"]) == 0
    assert (place / "b.png").read_bytes() == first
    assert sample("-n", "9", "--seed", "4", "-o", "a.png") == 2
    assert "a.png exists" in capsys.readouterr().err
    assert (place / "a.png").read_bytes() == first
    assert sample("-n", "9", "--seed", "4", "-o", "a.png", "--force") == 0
    assert (place / "a.png").read_bytes() != first
    assert sample("-o", "images") == 2
    assert sample("-o", "a.jpg") == 2
    assert "ends in .png or .npy" in capsys.readouterr().err
    assert sample("-o", "nowhere/a.png") == 2
    # a link is followed, and what is no file is left alone
    (place / "link.png").symlink_to("b.png")
    assert sample("-n", "4", "-o", "link.png") == 2
    assert (place / "b.png").read_bytes() == first
    assert sample("-n", "4", "-o", "link.png", "--force") == 0
    assert (place / "link.png").is_symlink()
    assert (place / "b.png").read_bytes() != first
    os.mkfifo(place / "pipe")
    (place / "loop").symlink_to("loop")
    (place / "null").symlink_to(os.devnull)
    for target in ("pipe", "loop", "null"):
        capsys.readouterr()
        assert sample("-o", target, "--force") == 2
        assert f"{target} is not a regular file" in capsys.readouterr().err
    assert (place / "pipe").is_fifo()
    capsys.readouterr()
    # without a name, a fresh one each time
    for expected in ("default-1-step3-seed0-64.png", "default-1-step3-seed0-64-2.png"):
        assert sample() == 0
        assert capsys.readouterr().out == f"{expected}\n"


def test_a_taken_name_is_refused(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "runs" / "mine").mkdir(parents=True)
    assert train("--name", "mine") == 2
    assert "runs/mine exists" in capsys.readouterr().err
    assert list((place / "runs" / "mine").iterdir()) == []


def test_a_folder_of_all_sorts_with_a_corrupt_file(place: Path, capsys: pytest.CaptureFixture[str]):
    folder = place / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(16):
        height, width = rng.integers(10, 60, 2)
        grey = i % 3 == 0
        shape = (height, width) if grey else (height, width, 3)
        picture = Image.fromarray(rng.integers(0, 256, shape, np.uint8))
        picture.save(folder / f"{i:02d}.{'png' if i % 2 else 'jpg'}")
    whole = (folder / "01.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert cli.main(["train", "--data", "photos", *tiny_settings("steps=2", "batch_size=4")]) == 0
    output, errors = capsys.readouterr()
    assert f"images {SIZE}x{SIZE} RGB" in output
    warnings = [line for line in errors.splitlines() if "warning" in line]
    assert len(warnings) == 1
    assert "cut.png" in warnings[0]
    assert "files left out" in (place / "runs/default-1/report.html").read_text()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_moved_data_can_be_named_on_a_resume(place: Path, capsys: pytest.CaptureFixture[str]):
    assert train() == 0
    (place / "images").rename(place / "elsewhere")
    assert cli.main(["train", "--resume", "default-1", "--steps", "4"]) == 3
    assert cli.main(["train", "--resume", "default-1", "--steps", "4", "--data", "elsewhere"]) == 0
    next((place / "elsewhere").glob("*.png")).unlink()
    assert cli.main(["train", "--resume", "default-1", "--steps", "5"]) == 4
    assert "other images" in capsys.readouterr().err


# What it tells


def test_list_names_every_recipe(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["train", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes.names())
    assert all(len(line.split()) > 3 for line in lines)
    assert lines[0].startswith("default ")


def test_doctor_tells_what_is_there(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["doctor"]) == 0
    output = capsys.readouterr().out
    for part in (pg.__version__, pg._core.cpu_isa(), np.__version__, "CUDA", "threads"):
        assert part in output
    assert f"{len(pg._core.registered_ops())}" in output


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["train", "-h"], ["sample", "-h"]]
)
def test_help_and_version(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert output.startswith(("pygan 0", "usage: pygan"))
    if arguments[0] == "train":
        for part in ("metrics.jsonl", "report.html", "examples:", "exit codes:", "three minutes"):
            assert part in output


def test_the_command_starts_quickly(place: Path):
    code = (
        "import sys; from pygan import cli; cli.main(['train', '--list']);"
        "heavy = {'PIL', 'tqdm', 'safetensors', 'pygan.metrics'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    roots = str(Path(pg.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": roots}
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, cwd=place, capture_output=True
    )


def test_a_reader_that_goes_away_is_no_error(place: Path):
    process = command("train", "--list", cwd=place)
    process.stdout.close()
    assert process.wait(60) in (0, 120)  # 120: the interpreter could not flush at its end
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_metrics_are_json_lines(place: Path):
    assert train() == 0
    text = (place / "runs/default-1/metrics.jsonl").read_text()
    assert text.endswith("\n")
    for line in text.splitlines():
        row = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
        assert isinstance(row["step"], int)
