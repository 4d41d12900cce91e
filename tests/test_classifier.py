"""The shipped classifier: as accurate and as calibrated as it says, and damaged never used."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.errors import DataError, DTypeError, ShapeError
from pygan.metrics import accuracy, calibration_error, class_histogram, classifier


@pytest.fixture(scope="module")
def network() -> pg.metrics.FeatureNetwork:
    return pg.metrics.embedded_classifier()


def test_accuracy_and_calibration_on_images_it_never_saw(network):
    data = pg.data.embedded()
    features, logits = network(data.held_out)
    assert features.shape == (1000, 64)
    assert logits.shape == (1000, 10)
    assert network.classes == pg.data.CLASSES
    assert accuracy(logits, data.held_out_labels) >= 0.85
    assert calibration_error(logits, data.held_out_labels) <= 0.05
    shares = class_histogram(logits)
    assert sum(shares) == pytest.approx(1.0)
    assert all(0.07 < share < 0.13 for share in shares)  # each class is a tenth of these images


def test_a_row_depends_on_its_image_alone(network):
    images = pg.data.embedded().held_out[:130]
    features, logits = network(images)
    threads = pg.get_num_threads()
    try:
        for count in (1, 2):
            pg.set_num_threads(count)
            some, scores = network(images[40:103])
            np.testing.assert_array_equal(some, features[40:103])
            np.testing.assert_array_equal(scores, logits[40:103])
    finally:
        pg.set_num_threads(threads)


def test_a_damaged_file_is_refused(monkeypatch, tmp_path):
    content = bytearray(classifier.PATH.read_bytes())
    content[-3] ^= 1
    damaged = tmp_path / "classifier.safetensors"
    damaged.write_bytes(content)
    monkeypatch.setattr(classifier, "PATH", damaged)
    with pytest.raises(DataError, match="damaged"):
        pg.metrics.embedded_classifier()
    damaged.unlink()
    with pytest.raises(DataError, match="cannot read"):
        pg.metrics.embedded_classifier()


def test_calibration_error_by_hand():
    # confidences 0.75, 0.75 (one right) and 0.9 (right), in bins of width 1/15 apart
    logits = np.log(np.array([[0.75, 0.25], [0.75, 0.25], [0.1, 0.9]]))
    labels = np.array([0, 1, 1])
    expected = (2 * abs(0.5 - 0.75) + abs(1 - 0.9)) / 3
    assert calibration_error(logits, labels) == pytest.approx(expected, rel=1e-12)
    assert accuracy(logits, labels) == pytest.approx(2 / 3)
    # sure and right: no error; sure and wrong: all of it
    sure = np.array([[60.0, 0.0]])
    assert calibration_error(sure, np.array([0])) == pytest.approx(0, abs=1e-12)
    assert calibration_error(sure, np.array([1])) == pytest.approx(1)


def test_histogram_counts_predictions():
    logits = np.zeros((8, 4), np.float32)
    logits[np.arange(8), [0, 0, 0, 3, 3, 1, 0, 3]] = 5
    assert class_histogram(logits) == [0.5, 0.125, 0.0, 0.375]


@pytest.mark.parametrize(
    ("error", "logits", "labels"),
    [
        (ShapeError, np.zeros(3), np.zeros(3, int)),
        (ShapeError, np.zeros((0, 3)), np.zeros(0, int)),
        (ShapeError, np.zeros((3, 2)), np.zeros(2, int)),
        (DTypeError, np.zeros((3, 2), int), np.zeros(3, int)),
    ],
)
def test_wrong_logits(error, logits, labels):
    with pytest.raises(error):
        calibration_error(logits, labels)
    with pytest.raises(error):
        accuracy(logits, labels)
