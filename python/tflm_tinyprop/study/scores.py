"""Metrics from predictions, the same for both backends."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.study.data import Samples
from tflm_tinyprop.training.metrics import predicted_classes


def score(predictions: np.ndarray, samples: Samples) -> float:
    """Accuracy of class scores [N, classes]; for test windows of recordings the AUC of the reconstruction."""
    if samples.anomalous is not None:
        return anomaly_auc(predictions, samples)
    if not len(samples):
        return float("nan")
    return float((predicted_classes(predictions) == samples.y).mean())


def anomaly_auc(predictions: np.ndarray, samples: Samples) -> float:
    """Area under the ROC curve of the mean squared error of each recording's windows.

    NaN if an error is not finite: such a model separates nothing.
    """
    from sklearn.metrics import roc_auc_score

    errors = np.square(predictions.astype(np.float64) - samples.y).mean(axis=1)
    means = np.bincount(samples.clips, errors) / np.bincount(samples.clips)
    return float(roc_auc_score(samples.anomalous, means)) if np.isfinite(means).all() else float("nan")
