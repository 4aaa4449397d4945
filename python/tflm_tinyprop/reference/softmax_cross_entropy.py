"""Softmax cross entropy from logits:  p = softmax(z),  loss = -sum t log p,  dLoss/dz = p sum(t) - t.

With label smoothing s, t = label (1 - s) + s / C.
"""

import numpy as np


def softmax_cross_entropy_dense(logits, labels, label_smoothing: float = 0.0):
    """(loss [B], delta [B, C]) for logits [B, C] and label distributions [B, C]."""
    logits = np.asarray(logits, dtype=np.float64)
    labels = np.asarray(labels, dtype=np.float64) * (1.0 - label_smoothing) + label_smoothing / logits.shape[1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.sum(labels * log_p, axis=1)
    return loss, np.exp(log_p) * labels.sum(axis=1, keepdims=True) - labels


def softmax_cross_entropy_sparse(logits, labels, label_smoothing: float = 0.0):
    """(loss [B], delta [B, C]) for logits [B, C] and class indices [B].

    A label outside [0, C) gives a NaN loss and a zero delta.
    """
    logits = np.asarray(logits, dtype=np.float64)
    labels = np.asarray(labels).reshape(-1)
    known = (labels >= 0) & (labels < logits.shape[1])
    one_hot = np.eye(logits.shape[1])[np.where(known, labels, 0)]
    loss, delta = softmax_cross_entropy_dense(logits, one_hot, label_smoothing)
    return np.where(known, loss, np.nan), np.where(known[:, None], delta, 0.0)
