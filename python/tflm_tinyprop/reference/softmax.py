"""Softmax over the last dimension:  y = exp(beta x) / sum exp(beta x)."""

import numpy as np


def softmax_forward(x, beta: float = 1.0) -> np.ndarray:
    """y [..., C] of x [..., C]."""
    scaled = beta * np.asarray(x, dtype=np.float64)
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def softmax_backward(delta, y, beta: float = 1.0) -> np.ndarray:
    """dLoss/dx = beta y (dLoss/dy - sum y dLoss/dy) from delta = dLoss/dy [..., C] and y [..., C]."""
    return beta * y * (delta - np.sum(delta * y, axis=-1, keepdims=True))
