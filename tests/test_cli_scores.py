"""The command line where it meets scores: --features, descriptions, what a resumed run says."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_tools import image_folder, tiny_settings

from pygan import cli


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    image_folder(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_recipe_of_clothes_does_not_describe_other_images(place: Path):
    arguments = ["train", "--steps", "0", "--data", "images", *tiny_settings()]
    assert cli.main(arguments) == 0
    config = place / "runs/default-1/config.toml"
    assert 'description = ""\n' in config.read_text("utf-8")
    assert cli.main([*arguments, "--set", "description=mine"]) == 0
    assert "mine" in (place / "runs/default-2/config.toml").read_text("utf-8")


def test_few_held_out_images_and_the_steps_of_this_session_are_said(
    place: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["train", "--steps", "2", "--data", "images", *tiny_settings()]) == 0
    said = capsys.readouterr().out
    assert "note      only 2 held-out images" in said
    assert "trained   2 steps in " in said
    assert "in all" not in said
    assert cli.main(["train", "--resume", "default-1", "--steps", "3"]) == 0
    said = capsys.readouterr().out
    assert "trained   1 steps in " in said
    assert "(3 in all)" in said


def test_features_that_cannot_be_used_leave_no_run(place: Path, capsys: pytest.CaptureFixture[str]):
    more = ["--data", "images", *tiny_settings()]
    for path, words in (("none.safetensors", "cannot read features"), ("", "--features takes")):
        assert cli.main(["train", "--features", path, *more]) == 2
        errors = capsys.readouterr().err
        assert words in errors
        assert errors.count("\n") == 1
    assert not (place / "runs").exists()
