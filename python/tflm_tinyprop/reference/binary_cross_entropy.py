"""Binary cross entropy of a sample from logits:  p = 1 / (1 + exp(-z)),  loss = -sum (t log p + (1 - t) log(1 - p)) / n."""

import numpy as np


def binary_cross_entropy(logits, labels, label_smoothing: float = 0.0):
    """(loss [B], delta [B, n]) for logits and labels [B, n]. With smoothing s, t = label (1 - s) + s / 2.

    dLoss/dz = (p - t) / n. Written as max(z, 0) - z t + log(1 + exp(-|z|)), which no finite z overflows.
    """
    z = np.asarray(logits, dtype=np.float64)
    t = np.asarray(labels, dtype=np.float64) * (1.0 - label_smoothing) + 0.5 * label_smoothing
    e = np.exp(-np.abs(z))
    loss = np.mean(np.maximum(z, 0.0) - z * t + np.log1p(e), axis=1)
    return loss, (np.where(z > 0, 1.0, e) / (1.0 + e) - t) / z.shape[1]
