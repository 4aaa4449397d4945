"""Mean absolute error of a sample:  loss = sum |y - t| / n,  dLoss/dy = sign(y - t) / n."""

import numpy as np


def mean_absolute_error(outputs, targets):
    """(loss [B], delta [B, n]) for outputs and targets [B, n]."""
    error = np.asarray(outputs, dtype=np.float64) - np.asarray(targets, dtype=np.float64)
    return np.mean(np.abs(error), axis=1), np.sign(error) / error.shape[1]
