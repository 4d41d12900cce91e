"""Train the classifier of the embedded images that `fd`, precision, recall and the histogram use.

    PYGAN_NUM_THREADS=1 python tools/train_classifier.py      # into pygan/metrics

Half a minute on one core. It sees the embedded training images only: 540 of each class to train on,
shifted by up to two pixels and mirrored at random, and the last 60 of each class to find the
temperature T that the logits are divided by (Guo et al. 2017, "On Calibration of Modern Neural
Networks", section 4.2). The held-out images are looked at once, at the end, to print the figures
that tests/test_classifier.py asks for. Everything is drawn from one seed: the same build on the
same instruction set writes the same bytes, on any number of threads.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path

import numpy as np

import pygan as pg
from pygan import nn
from pygan.data import CLASSES, BatchOrder, to_float
from pygan.metrics import FeatureNetwork, accuracy, calibration_error
from pygan.metrics.classifier import PATH
from pygan.random import Stream

EPOCHS, BATCH, PEAK_LR, WEIGHT_DECAY = 30, 60, 2e-3, 1e-4
VALIDATION = 60  # images of each class
SHIFT = 2  # pixels


def network() -> nn.Sequential:
    """Three strided convolutions and a hidden layer of 64 units, whose outputs are the features."""
    return nn.Sequential(
        {
            "conv1": nn.Conv2d(1, 24, 4, stride=2, padding=1, bias=False),
            "norm1": nn.BatchNorm(24),
            "act1": nn.LeakyReLU(0.1),
            "conv2": nn.Conv2d(24, 48, 4, stride=2, padding=1, bias=False),
            "norm2": nn.BatchNorm(48),
            "act2": nn.LeakyReLU(0.1),
            "conv3": nn.Conv2d(48, 48, 3, stride=2, padding=1, bias=False),
            "norm3": nn.BatchNorm(48),
            "act3": nn.LeakyReLU(0.1),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(48 * 4 * 4, 64, bias=False),
            "norm4": nn.BatchNorm(64),
            "features": nn.LeakyReLU(0.1),
            "head": nn.Linear(64, len(CLASSES)),
        }
    )


def augmented(images: np.ndarray, stream: Stream) -> np.ndarray:
    """uint8 (B, 28, 28, 1), each shifted by -2..2 in both directions and mirrored or not."""
    count, height, width, _ = images.shape
    draws = stream.uniform((count, 3)).numpy()
    y, x = (np.floor(draws[:, i] * (2 * SHIFT + 1)).astype(np.int64) for i in (0, 1))
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    rows = y[:, None, None] + np.arange(height)[None, :, None]
    columns = x[:, None, None] + np.arange(width)[None, None, :]
    shifted = padded[np.arange(count)[:, None, None], rows, columns]
    mirrored = draws[:, 2] < 0.5
    shifted[mirrored] = shifted[mirrored, :, ::-1]
    return shifted


def parts(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to calibrate on: the last 60 of each class are for the latter."""
    held = np.sort(
        np.concatenate([np.flatnonzero(labels == k)[-VALIDATION:] for k in range(len(CLASSES))])
    )
    return np.delete(np.arange(len(labels)), held), held


def train(images: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> nn.Sequential:
    """Adam with a rate that rises for one epoch and falls as a cosine to zero."""
    nn.init.seed(seed)
    model = network()
    model.train()
    optimizer = pg.optim.Adam(model.parameters(), lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    order = BatchOrder(len(images), BATCH, seed)
    stream = Stream(seed, "classifier.augment")
    per_epoch = len(images) // BATCH
    total = 0.0
    for step in range(epochs * per_epoch):
        done = step / (epochs * per_epoch)
        warm = min(1.0, (step + 1) / per_epoch)
        optimizer.lr = PEAK_LR * warm * 0.5 * (1 + math.cos(math.pi * done))
        chosen = order.next()
        x = pg.tensor(to_float(augmented(images[chosen], stream)))
        loss = pg.ops.cross_entropy_with_logits(model(x), pg.tensor(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        if (step + 1) % per_epoch == 0:
            print(f"epoch {(step + 1) // per_epoch:2d}  loss {total / per_epoch:.4f}", flush=True)
            total = 0.0
    return model


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T that minimises the cross-entropy of logits / T, by golden-section search on log T."""

    def loss(log_t: float) -> float:
        z = logits.astype(np.float64) / math.exp(log_t)
        z -= z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]))

    low, high, ratio = math.log(0.2), math.log(5.0), (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return math.exp((low + high) / 2)


def main() -> None:
    """Train, calibrate, write, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PATH, help="file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    data = pg.data.embedded()
    assert data.labels is not None
    assert data.held_out_labels is not None
    chosen, validation = parts(data.labels)
    model = train(data.images[chosen], data.labels[chosen], args.seed, args.epochs)
    made = FeatureNetwork(model, input_shape=(28, 28, 1), features="features", classes=CLASSES)
    _, logits = made(data.images[validation])
    assert logits is not None
    found = temperature(logits, data.labels[validation])
    print(
        f"validation: accuracy {accuracy(logits, data.labels[validation]):.4f}, "
        f"ECE {calibration_error(logits, data.labels[validation]):.4f}; temperature {found:.4f}"
    )
    head = model.head
    for parameter in (head.weight, head.bias):
        parameter.assign_((parameter.numpy() / np.float32(found)).astype(np.float32))
    made.save(args.out)
    _, logits = FeatureNetwork.load(args.out)(data.held_out)
    assert logits is not None
    print(
        f"held out: accuracy {accuracy(logits, data.held_out_labels):.4f}, "
        f"ECE {calibration_error(logits, data.held_out_labels):.4f}"
    )
    content = args.out.read_bytes()
    print(f"{args.out}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
