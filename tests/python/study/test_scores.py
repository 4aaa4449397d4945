"""Accuracy and the area under the ROC curve."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tflm_tinyprop.study.data import Samples
from tflm_tinyprop.study.scores import score


def test_accuracy():
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    samples = Samples(np.zeros((4, 1)), np.array([0, 1, 1, 1]))
    assert score(predictions, samples) == 0.75
    predictions[0, 1] = np.nan  # never right, though the first NaN would be the largest
    assert score(predictions, samples) == 0.5
    assert math.isnan(score(predictions[:0], samples.where(np.arange(0))))


def recordings(errors, clips, anomalous):
    """Windows of which the prediction 0 has the mean squared errors given."""
    targets = np.sqrt(np.asarray(errors, np.float64))[:, None] * np.ones((1, 3))
    return np.zeros_like(targets), Samples(targets, targets, np.array(clips), np.array(anomalous))


def test_auc_by_hand():
    # Means of the recordings: 1, 3 and 2, 4, of which the last two are anomalous: 3 of 4 pairs are in order.
    predictions, samples = recordings([1, 1, 2, 4, 2, 2, 3, 5], [0, 0, 1, 1, 2, 2, 3, 3], [False, False, True, True])
    assert score(predictions, samples) == 0.75
    predictions, samples = recordings([1, 1], [0, 1], [False, True])
    assert score(predictions, samples) == 0.5  # a tie


def test_auc_against_scikit_learn():
    generator = np.random.default_rng(0)
    predictions, targets = generator.normal(size=(2, 60, 7)).astype(np.float32)
    clips, anomalous = np.repeat(np.arange(20), 3), generator.random(20) < 0.4
    errors = ((predictions - targets) ** 2).mean(axis=1).reshape(20, 3).mean(axis=1)
    found = score(predictions, Samples(targets, targets, clips, anomalous))
    assert found == pytest.approx(roc_auc_score(anomalous, errors))


def test_a_model_that_diverged_has_no_score():
    predictions, samples = recordings([1, 2], [0, 1], [False, True])
    predictions[0, 0] = np.inf
    assert math.isnan(score(predictions, samples))
