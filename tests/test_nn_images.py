"""Layers of images without weights: the operation they are, their text, bad arguments."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan import nn

X = pg.tensor(np.random.default_rng(0).standard_normal((2, 6, 5, 8)))
ops = pg.ops

LAYERS = [
    (nn.AvgPool2d(2), lambda x: ops.avg_pool2d(x, 2), "AvgPool2d(2)"),
    (
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        lambda x: ops.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        "AvgPool2d(3, stride=2, padding=1, count_include_pad=False)",
    ),
    (
        nn.MaxPool2d((2, 3), stride=1, padding=(1, 0)),
        lambda x: ops.max_pool2d(x, (2, 3), 1, (1, 0)),
        "MaxPool2d((2, 3), stride=1, padding=(1, 0))",
    ),
    (
        nn.MaxPool2d(2, dilation=(1, 3)),
        lambda x: ops.max_pool2d(x, 2, dilation=(1, 3)),
        "MaxPool2d(2, dilation=(1, 3))",
    ),
    (nn.GlobalAvgPool2d(), lambda x: x.mean(axis=(1, 2)), "GlobalAvgPool2d()"),
    (nn.Upsample(2), lambda x: ops.upsample(x, 2), "Upsample(2, mode='nearest')"),
    (
        nn.Upsample((2, 1.5), "bicubic", align_corners=True),
        lambda x: ops.upsample(x, (2, 1.5), "bicubic", align_corners=True),
        "Upsample((2, 1.5), mode='bicubic', align_corners=True)",
    ),
    (nn.PixelShuffle(2), lambda x: ops.pixel_shuffle(x, 2), "PixelShuffle(2)"),
    (
        nn.ZeroPad2d((1, 2)),
        lambda x: ops.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0))),
        "ZeroPad2d((1, 2))",
    ),
    (
        nn.ReflectionPad2d(3),
        lambda x: ops.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), "reflect"),
        "ReflectionPad2d(3)",
    ),
    (
        nn.ReplicationPad2d(7),
        lambda x: ops.pad(x, ((0, 0), (7, 7), (7, 7), (0, 0)), "replicate"),
        "ReplicationPad2d(7)",
    ),
]


@pytest.mark.parametrize(("layer", "op", "text"), LAYERS, ids=[text for _, _, text in LAYERS])
def test_a_layer_is_its_operation(layer: nn.Module, op: object, text: str) -> None:
    np.testing.assert_array_equal(layer(X).numpy(), op(X).numpy())
    assert repr(layer) == text
    assert layer.parameters() == []
    with pytest.raises(pg.ShapeError, match=r"N, H, W, C"):
        layer(X[0])


BAD = [
    (lambda: nn.AvgPool2d(0), "AvgPool2d: kernel_size"),
    (lambda: nn.AvgPool2d(3, padding=2), "AvgPool2d: padding=2 must be at most half"),
    (lambda: nn.MaxPool2d(2, stride=0), "MaxPool2d: stride"),
    (lambda: nn.MaxPool2d(2, dilation=(1, 2, 3)), "MaxPool2d: dilation"),
    (lambda: nn.Upsample(0), "Upsample: scale"),
    (lambda: nn.Upsample("2"), "Upsample: scale"),
    (lambda: nn.Upsample((2, float("inf"))), "Upsample: scale"),
    (lambda: nn.Upsample(2, "cubic"), "Upsample: mode must be one of nearest"),
    (lambda: nn.Upsample(2, align_corners=True), "align_corners is for"),
    (lambda: nn.PixelShuffle(1.5), "PixelShuffle: r"),
    (lambda: nn.ReflectionPad2d(-1), "ReflectionPad2d: padding"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_arguments(case: int) -> None:
    make, text = BAD[case]
    with pytest.raises(pg.ConfigError, match=text):
        make()


def test_a_network_of_them_trains() -> None:
    net = nn.Sequential(
        nn.ReflectionPad2d(1), nn.Conv2d(8, 16, 3), nn.MaxPool2d(2), nn.PixelShuffle(2),
        nn.Upsample(2, "bilinear"), nn.AvgPool2d(2), nn.GlobalAvgPool2d(), nn.Linear(4, 1),
    )  # fmt: skip
    net.to("float64")
    loss = pg.ops.square(net(X)).mean()
    loss.backward()
    for name, p in net.named_parameters():
        assert np.isfinite(p.grad.numpy()).all(), name
        assert np.abs(p.grad.numpy()).max() > 0, name
