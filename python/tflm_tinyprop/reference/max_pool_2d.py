"""Max pooling:  y = largest of the window's taps inside the map."""

import numpy as np

from tflm_tinyprop.reference.windows import PoolWindow, windows


def max_pool_2d_forward(x, window: PoolWindow, output_size) -> np.ndarray:
    """y [B, OH, OW, C] of x [B, IH, IW, C]; output_size: (OH, OW)."""
    y = np.zeros((x.shape[0], *output_size, x.shape[3]))
    for (oy, ox), rows, columns in windows(window, x, output_size):
        y[:, oy, ox] = x[:, rows, columns].max(axis=(1, 2))
    return y


def max_pool_2d_backward(delta, x, window: PoolWindow) -> np.ndarray:
    """dLoss/dx [B, IH, IW, C] from delta = dLoss/dy [B, OH, OW, C] and x.

    Of equal largest taps the first in row-major order gets the gradient.
    """
    input_delta = np.zeros(x.shape)
    samples, channels = np.ix_(range(x.shape[0]), range(x.shape[3]))
    for (oy, ox), rows, columns in windows(window, x, delta.shape[1:3]):
        taps = x[:, rows, columns]
        first = taps.reshape(taps.shape[0], -1, taps.shape[3]).argmax(axis=1)  # [B, C]
        y, x_position = rows.start + first // taps.shape[2], columns.start + first % taps.shape[2]
        input_delta[samples, y, x_position, channels] += delta[:, oy, ox]
    return input_delta
