"""Huber loss of a sample: half the squared error up to a magnitude d, d |e| - d^2 / 2 beyond it; the mean over its elements."""

import numpy as np


def huber(outputs, targets, delta: float = 1.0):
    """(loss [B], dLoss/dy [B, n]) for outputs and targets [B, n]. delta: d."""
    error = np.asarray(outputs, dtype=np.float64) - np.asarray(targets, dtype=np.float64)
    size = np.abs(error)
    loss = np.where(size <= delta, 0.5 * error**2, delta * size - 0.5 * delta**2)
    return np.mean(loss, axis=1), np.clip(error, -delta, delta) / error.shape[1]
