"""Largest value along an axis:  y = max_r x_r."""

import numpy as np


def reduce_max_forward(x) -> np.ndarray:
    """y [outer, inner] of x [outer, reduced, inner]"""
    return np.asarray(x).max(axis=1)


def reduce_max_backward(delta, x) -> np.ndarray:
    """dLoss/dx [outer, reduced, inner] from delta = dLoss/dy [outer, inner] and x.

    Equal largest values share the gradient equally, as in TensorFlow's gradient of reduce_max.
    """
    largest = x == reduce_max_forward(x)[:, None]
    return largest * (np.asarray(delta) / largest.sum(axis=1))[:, None]
