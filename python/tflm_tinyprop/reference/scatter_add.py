"""Weighted sums of slices along an axis:  y_p = sum_t w_pt x_(i_pt), and the gradient."""

import numpy as np


def _matrix(indices, weights, size: int) -> np.ndarray:
    """A [positions, size] with y = A x."""
    positions, taps = indices.shape
    weights = np.ones((positions, taps)) if weights is None else np.asarray(weights, dtype=np.float64)
    matrix = np.zeros((positions, size))
    for tap in range(taps):
        matrix[np.arange(positions), indices[:, tap]] += weights[:, tap]
    return matrix


def gather_forward(x, indices, weights=None) -> np.ndarray:
    """y [outer, positions, inner] of x [outer, size, inner], indices and weights [positions, taps]"""
    return np.einsum("ps,osi->opi", _matrix(indices, weights, x.shape[1]), x)


def scatter_add(delta, indices, weights, size: int) -> np.ndarray:
    """dLoss/dx [outer, size, inner] from delta = dLoss/dy [outer, positions, inner]"""
    return np.einsum("ps,opi->osi", _matrix(indices, weights, size), delta)
