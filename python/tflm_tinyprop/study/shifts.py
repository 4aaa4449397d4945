"""Other domains: how inputs change between the place where a model was made and the one where it works.

All take float32 [N, ...] as a run sees it (images in [0, 1], the rest standardised) and return the same.
"""

from __future__ import annotations

import numpy as np

ROTATION_DEGREES = 20.0


def grey_images(x: np.ndarray) -> np.ndarray:
    """A camera mounted at an angle, and a flatter picture. x: [N, height, width, 1]."""
    from scipy import ndimage

    turned = ndimage.rotate(x, ROTATION_DEGREES, axes=(1, 2), reshape=False, order=1)
    return np.clip(0.7 * turned + 0.15, 0, 1).astype(np.float32)


def colour_images(x: np.ndarray) -> np.ndarray:
    """Darker, and with the colours swapped. x: [N, height, width, 3]."""
    return (0.6 * x[..., [2, 0, 1]] + 0.05).astype(np.float32)


def tilted(x: np.ndarray) -> np.ndarray:
    """Another sensor: a gain that falls along the features (MFCCs, mel bands) from 1.3 to 0.5, and an offset.

    The features are the last axis; a single channel behind them does not count.
    """
    axis = -2 if x.shape[-1] == 1 and x.ndim > 2 else -1
    gain = np.linspace(1.3, 0.5, x.shape[axis], dtype=np.float32)
    return x * (gain[:, None] if axis == -2 else gain) + np.float32(0.4)
