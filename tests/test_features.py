"""Feature networks in files: what is written is read, and whatever does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from train_tools import images, trainer

import pygan as pg
from pygan import nn
from pygan.errors import ConfigError, DTypeError, ShapeError
from pygan.metrics import FeatureNetwork


def network(channels: int = 1, classes: tuple[str, ...] = ("dark", "light")) -> FeatureNetwork:
    """Every type of layer, for 16x16 images; running statistics that are not the initial ones."""
    nn.init.seed(3)
    layers = nn.Sequential(
        {
            "scale": nn.BatchNorm(channels, affine=False, eps=1e-3),
            "conv": nn.Conv2d(channels, 4, 3, stride=2, padding=1),
            "act": nn.LeakyReLU(0.2),
            "grouped": nn.Conv2d(4, 6, (3, 1), stride=(2, 1), groups=2, bias=False),
            "norm": nn.BatchNorm(6),
            "relu": nn.ReLU(),
            "tanh": nn.Tanh(),
            "softplus": nn.Softplus(),
            "pool": nn.GlobalAvgPool(),
            "flat": nn.Flatten(),
            "hidden": nn.Linear(6, 5, bias=False),
            "sigmoid": nn.Sigmoid(),
            "head": nn.Linear(5, 2),
        }
    )
    layers.train()
    layers(pg.tensor(np.random.default_rng(0).normal(size=(8, 16, 16, channels)), "float32"))
    return FeatureNetwork(
        layers, input_shape=(16, 16, channels), features="sigmoid", classes=classes
    )


def test_what_is_written_is_read(tmp_path: Path):
    made = network()
    path = tmp_path / "mine.safetensors"
    made.save(path)
    read = FeatureNetwork.load(path)
    assert (read.input_shape, read.features, read.classes) == ((16, 16, 1), "sigmoid", made.classes)
    for mine, theirs in zip(made(images(130)), read(images(130)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert read.encode() == made.encode() == path.read_bytes()
    assert read.digest == made.digest
    assert made(images())[0].std(axis=0).min() > 0


def test_without_classes_there_are_no_logits():
    features, logits = network(classes=())(images(3))
    assert features.shape == (3, 5)
    assert logits is None


def test_images_of_another_kind_are_brought_to_the_network():
    made = network()
    grey = images(5)
    np.testing.assert_array_equal(made(np.repeat(grey, 3, axis=3))[0], made(grey)[0])
    assert made(np.zeros((2, 40, 30, 3), np.uint8))[0].shape == (2, 5)
    with pytest.raises(DTypeError):
        made(grey.astype(np.float32))
    with pytest.raises(ShapeError):
        made(grey[0])


def changed(change) -> bytes:
    """The file of `network` after ``change(description, tensors, metadata)``."""
    content = network().encode()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    from safetensors.numpy import load

    tensors, about = dict(load(content)), json.loads(metadata["network"])
    change(about, tensors, metadata)
    return save(tensors, {**metadata, "network": json.dumps(about)} if metadata else None)


def layer(about: dict, name: str) -> dict:
    return next(entry for entry in about["layers"] if entry["name"] == name)


BAD = {
    "no description": (lambda a, t, m: m.clear(), "no description of the network"),
    "other version": (lambda a, t, m: m.update(version="7"), "version '7'"),
    "unknown entry": (lambda a, t, m: a.update(feature="x"), "did you mean 'features'"),
    "bad input": (lambda a, t, m: a.update(input=[16, 16]), "'input' must be"),
    "no layers": (lambda a, t, m: a.update(layers=[]), "'layers' must be"),
    "nameless": (lambda a, t, m: a["layers"].append({"type": "relu"}), "layer 13 has no name"),
    "unknown type": (lambda a, t, m: layer(a, "relu").update(type="relu6"), "'relu'"),
    "unknown setting": (lambda a, t, m: layer(a, "conv").update(strid=2), "did you mean 'stride'"),
    "no settings": (lambda a, t, m: layer(a, "relu").update(stride=2), "layer 'relu'"),
    "bad setting": (lambda a, t, m: layer(a, "conv").update(stride="2"), "stride of layer 'conv'"),
    "impossible": (lambda a, t, m: layer(a, "conv").update(stride=0), "stride"),
    "twice": (lambda a, t, m: a["layers"].append({"name": "relu", "type": "relu"}), "two layers"),
    "missing weight": (lambda a, t, m: t.pop("hidden.weight"), "no tensor hidden.weight"),
    "missing statistic": (lambda a, t, m: t.pop("norm.running_var"), "no tensor norm.running_var"),
    "missing mean": (lambda a, t, m: t.pop("norm.running_mean"), "norm.running_mean"),
    "spare tensor": (lambda a, t, m: t.update({"x.y": t["conv.bias"]}), "no layer uses"),
    "spare part": (lambda a, t, m: t.update({"relu.weight": t["conv.bias"]}), "no use for"),
    "rank": (lambda a, t, m: t.update({"hidden.weight": t["conv.bias"]}), "needs 2 dimensions"),
    "shape": (
        lambda a, t, m: t.update({"head.bias": np.zeros(3, np.float32)}),
        r"head.bias has shape \(3,\), linear needs \(2,\)",
    ),
    "no fit": (
        lambda a, t, m: t.update({"hidden.weight": np.zeros((7, 5), np.float32)}),
        "layer 'hidden' of the feature network",
    ),
    "integers": (lambda a, t, m: t.update({"head.bias": np.zeros(2, np.int64)}), "dtype int64"),
    "not finite": (
        lambda a, t, m: t.update({"head.bias": np.full(2, np.nan, np.float32)}),
        "not finite",
    ),
    "no such features": (lambda a, t, m: a.update(features="hiden"), "did you mean 'hidden'"),
    "features of rank 4": (lambda a, t, m: a.update(features="act"), r"must give \(N, F\)"),
    "class count": (lambda a, t, m: a["classes"].append("third"), "names 3 classes"),
    "class names": (lambda a, t, m: a.update(classes=[1, 2]), "'classes' must be"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit_is_named(case: str, tmp_path: Path):
    change, message = BAD[case]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(changed(change))
    with pytest.raises(ConfigError, match=message) as raised:
        FeatureNetwork.load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"x" * 40, b"\xff" * 64])
def test_a_file_that_is_none(content: bytes, tmp_path: Path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a safetensors file"):
        FeatureNetwork.load(path)
    with pytest.raises(ConfigError, match="cannot read"):
        FeatureNetwork.load(tmp_path / "none.safetensors")


def test_cut_files_are_refused(tmp_path: Path):
    content = network().encode()
    for length in range(0, len(content), 97):
        with pytest.raises(ConfigError):
            FeatureNetwork.decode(content[:length])


def test_a_layer_that_cannot_be_described():
    with pytest.raises(ConfigError, match="ConvTranspose2d"):
        FeatureNetwork(
            nn.Sequential({"up": nn.ConvTranspose2d(1, 1, 2)}),
            input_shape=(4, 4, 1),
            features="up",
        )


def test_a_trainer_scores_with_a_network_of_the_users(tmp_path: Path):
    path = tmp_path / "mine.safetensors"
    network().save(path)
    data = pg.data.from_array(images(60))
    row = trainer(data=data, features=path).score()
    both = ("swd", "fd", "precision", "recall")
    assert row.keys() == {*both, *(f"{key}_real" for key in both), "class_histogram"}
    assert len(row["class_histogram"]) == 2
    assert row["fd"] > row["fd_real"] > 0
    with pytest.raises(ConfigError, match="at least 4 held-out"):
        trainer(features=path)


def test_a_resume_does_not_score_real_images_again_but_with_other_features(tmp_path: Path, caplog):
    data = pg.data.from_array(images(60))
    made = trainer(data=data, features=network())
    row = made.score()
    made.save(tmp_path / "a.safetensors")
    same = trainer(data=data, features=network())
    same.load(tmp_path / "a.safetensors")
    assert same.scores.known == made.scores.known
    assert same.score() == row
    plain = trainer(data=data)
    assert "another feature network" not in caplog.text
    plain.load(tmp_path / "a.safetensors")
    assert "another feature network" in caplog.text
    assert plain.score().keys() == {"swd", "swd_real"}


def test_the_embedded_images_are_scored_with_pygans_own_classifier():
    data = pg.data.embedded()
    scores = pg.train.scores.ImageScores(data)
    row = scores.score(data.images[:1000])
    assert row["fd"] < 2 * row["fd_real"]
    assert row["precision"] > 0.8
    assert row["recall"] > 0.8
    assert len(row["class_histogram"]) == 10
    noise = np.random.default_rng(0).integers(0, 256, data.held_out.shape, np.uint8)
    worse = scores.score(noise)
    assert worse["fd"] > 20 * row["fd"]
    assert worse["precision"] < 0.25 * row["precision"]
    assert worse["fd_real"] == row["fd_real"]
