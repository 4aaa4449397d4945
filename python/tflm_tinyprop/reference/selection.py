"""Which gradients take part: the k with the largest magnitude."""

import numpy as np


def select_top_k(delta, k: int) -> np.ndarray:
    """Mask, bool [n], of the k elements of delta [n] with the largest magnitude; ties: lowest index."""
    delta = np.asarray(delta)
    mask = np.zeros(delta.shape, dtype=bool)
    order = np.argsort(-np.abs(delta), kind="stable")
    mask[order[: max(k, 0)]] = True
    return mask
