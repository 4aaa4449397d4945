"""Average pooling:  y = mean of the window's taps inside the map (padding does not count)."""

import numpy as np

from tflm_tinyprop.reference.windows import PoolWindow, windows


def average_pool_2d_forward(x, window: PoolWindow, output_size) -> np.ndarray:
    """y [B, OH, OW, C] of x [B, IH, IW, C]; output_size: (OH, OW)."""
    y = np.zeros((x.shape[0], *output_size, x.shape[3]))
    for (oy, ox), rows, columns in windows(window, x, output_size):
        y[:, oy, ox] = x[:, rows, columns].mean(axis=(1, 2))
    return y


def average_pool_2d_backward(delta, window: PoolWindow, map_size) -> np.ndarray:
    """dLoss/dx [B, IH, IW, C] from delta = dLoss/dy [B, OH, OW, C]; map_size: (IH, IW)."""
    input_delta = np.zeros((delta.shape[0], *map_size, delta.shape[3]))
    for (oy, ox), rows, columns in windows(window, input_delta, delta.shape[1:3]):
        taps = input_delta[:, rows, columns]
        taps += delta[:, oy : oy + 1, ox : ox + 1] / (taps.shape[1] * taps.shape[2])
    return input_delta
