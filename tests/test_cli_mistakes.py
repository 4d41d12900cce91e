"""Mistakes on the command line: one line each, the right exit code, and nothing on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from train_tools import image_folder

from pygan import cli


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with a folder of images, made the current one."""
    image_folder(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG = [
    (["train", "--set", "genrator.width=3"], 2, "did you mean 'generator.width'"),
    (["train", "--set", "widht=3"], 2, "width"),
    (["train", "--set", "width=3"], 2, "'generator.width' or 'discriminator.width'"),
    (["train", "--set", "lr=1"], 2, "game.d_optimizer.lr"),
    (["train", "--set", "game.n_crtic=3"], 2, "game.n_critic"),
    (["train", "--set", "game.d_optimizer.bets=[0.1, 0.2]"], 2, "betas"),
    (["train", "--set", "game.d_optimizer.betas=[0.1]"], 2, "betas must be a list like"),
    (["train", "--set", "game.d_optimizer.betas=[0.1, 2.0]"], 2, "betas"),
    (["train", "--set", "game.d_optimizer.name='adm'"], 2, "adam"),
    (["train", "--set", "game=wgangp"], 2, "wgan-gp"),
    (["train", "--set", "game=3"], 2, "game must be a name or a table"),
    (["train", "--set", "game.name=3"], 2, "game.name must be a string"),
    (["train", "--set", "steps"], 2, "key=value"),
    (["train", "--set", "=3"], 2, "key=value"),
    (["train", "--set", "steps=many"], 2, "steps must be a whole number, not 'many'"),
    (["train", "--set", "steps=1.5"], 2, "steps must be a whole number, not 1.5"),
    (["train", "--set", "steps=true"], 2, "steps must be a whole number, not True"),
    (["train", "--set", "steps=-1"], 2, "steps must be 0 or more"),
    (["train", "--set", "steps.x=1"], 2, "steps is a single value"),
    (["train", "--set", "generator=1"], 2, "generator must be a table"),
    (["train", "--set", "batch_size=0"], 2, "batch_size must be at least 1"),
    (["train", "--set", "ema_decay=1.0"], 2, "ema_decay"),
    (["train", "--set", "ema_decay=nan"], 2, "ema_decay must be a number"),
    (["train", "--set", "seed=-3"], 2, "seed"),
    (["train", "--set", "generator.model='dcgna'"], 2, "dcgan"),
    (["train", "--set", "generator.norm='bacth'"], 2, "batch"),
    (["train", "--set", "data.image_size=30"], 2, "28x28 or 32x32"),
    (["train", "--set", "data.image_size=[28, 20, 3]"], 2, "image_size"),
    (["train", "--set", "data.image_size='big'"], 2, "image_size must be a size such as"),
    (["train", "wgan-gp", "--set", "discriminator.norm='batch'"], 2, "norm=None"),
    (["train", "--steps", "x"], 2, "steps"),
    (["train", ""], 2, "unknown recipe ''"),
    (["train", "--set", "batch_size=100000000"], 2, "batch_size 100000000 is more than the 6000"),
    (["train", "defualt"], 2, "did you mean 'default'"),
    (["train", "missing.toml"], 2, "cannot read recipe missing.toml"),
    (["train", "broken.toml"], 2, "broken.toml is not valid TOML"),
    (["train", "--device", "gpu"], 2, "unknown device 'gpu'"),
    (["train", "--device", "cuda"], 5, "cuda"),
    (["train", "--name", "a/b"], 2, "plain name"),
    (["train", "--sets", "x=1"], 2, "unrecognized arguments"),
    (["tarin"], 2, "invalid choice"),
    ([], 2, "COMMAND"),
    (["train", "--data", "nowhere"], 3, "nowhere"),
    (["train", "--data", "empty"], 3, "no images"),
    (["train", "--data", ""], 2, "--data"),
    (["train", "--data", "images", "--set", "data.image_size=17"], 2, "16x16"),
    (["train", "--resume", "nowhere"], 4, "no run and no checkpoint"),
    (["train", "--resume", "empty"], 4, "start again"),
    (["train", "--resume", "broken.toml"], 4, "broken.toml"),
    (["train", "wgan-gp", "--resume", "empty"], 2, "leave out recipe"),
    (["train", "rng"], 2, "did you mean 'ring'"),
    (["train", "ring", "--data", "images"], 2, "data.path has no meaning with data.name = 'ring'"),
    (["train", "ring", "--set", "generator.model='dcgan'"], 2, "only with 'mlp'"),
    (["train", "ring", "--set", "generator.depth=0"], 2, "generator.depth must be from 1"),
    (["train", "ring", "--features", "broken.toml"], 2, "features are for images"),
    (["train", "--features", ""], 2, "--features takes a file"),
    (["train", "--data", "images", "--features", "nowhere"], 2, "cannot read features"),
    (["train", "--data", "images", "--features", "broken.toml"], 2, "not a safetensors file"),
    (["train", "--data", "broken.toml"], 3, "is nothing that pygan can read; supported: IDX"),
    (["train", "--data", "cut.npz"], 3, "cut.npz is damaged"),
    (["train", "--data", "cut.zip"], 3, "cut.zip is damaged or no ZIP"),
    (["train", "--data", "cut-idx3-ubyte"], 3, "cut-idx3-ubyte is cut off within its header"),
    (["train", "--data", "cut.bin"], 3, "cut.bin is no CIFAR file"),
    (["train", "wgan-gp", "--set", "game.weight=-1"], 2, "weight must be finite and >= 0, got -1"),
    (["train", "--set", "game.fake_label=0.1"], 2, "smooths the fake side"),
    (["train", "--set", "game.real_label=2"], 2, "0 <= fake_label < real_label <= 1"),
    (["train", "--set", "game.n_critic=0"], 2, "n_critic must be a whole number >= 1, got 0"),
    (["train", "--set", "game={name='wgan', clip=-1.0}"], 2, "clip must be finite and > 0"),
    (["train", "--set", "game.extra_penalties=3"], 2, "extra_penalties must be a list"),
    (["train", "--set", "game.extra_penalties=[{kind='r3'}]"], 2, "did you mean 'r2'"),
    (["train", "--set", "game.extra_penalties=[{kind='r1', every=0}]"], 2, "every must be a whole"),
    (["train", "--set", "discriminator.norm='group'"], 2, "unknown norm 'group': known: none"),
    (["compare"], 2, "required: RUN"),
    (["compare", "nowhere"], 4, "no run and no checkpoint at nowhere"),
    (["compare", "empty", "empty"], 2, "empty is named twice"),
    (["compare", "broken.toml"], 2, "compare takes run directories; broken.toml is a file"),
    (["sample", "nowhere"], 4, "no run and no checkpoint"),
    (["sample", "empty"], 4, "no checkpoint yet"),
    (["sample", "empty", "-n", "0"], 2, "-n"),
    (["sample", "empty", "-n", "many"], 2, "whole number"),
    (["sample", "empty", "--seed", "-1"], 2, "--seed"),
]


@pytest.mark.parametrize(("arguments", "code", "match"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_a_mistake_is_one_line_and_writes_nothing(
    arguments: list[str],
    code: int,
    match: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
):
    (place / "empty").mkdir()
    (place / "broken.toml").write_text("steps = = 3")
    for name, start in [("cut.npz", b"PK"), ("cut.zip", b"PK\3\4"), ("cut.bin", b"abc")]:
        (place / name).write_bytes(start)
    (place / "cut-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    before = sorted(place.rglob("*"))
    assert cli.main(arguments) == code
    output, errors = capsys.readouterr()
    assert re.fullmatch(r"pygan: error: [^\n]+\n", errors), errors
    assert match in errors
    assert output == ""
    assert sorted(place.rglob("*")) == before
