"""Depthwise convolution  z[b, oy, ox, o] = sum_{ky, kx} x[b, y, x, o // M] W[0, ky, kx, o] + b[o].

y = oy stride - pad + ky dilation, and the same across. Weights [1, KH, KW, OC], maps [B, H, W, C]; the
multiplier M is OC / IC.
"""

import numpy as np

from tflm_tinyprop.reference.conv_taps import crop_map, pad_map, tap_slices


def depthwise_conv_2d_forward(
    x, weights, bias=None, *, output_size, stride=(1, 1), dilation=(1, 1), pads=(0, 0)
) -> np.ndarray:
    """z [B, OH, OW, OC]; output_size: (OH, OW)."""
    filter_size, channels = weights.shape[1:3], weights.shape[3]
    repeated = np.repeat(x, channels // x.shape[3], axis=3)  # the input channel of every output channel
    padded = pad_map(repeated, output_size, filter_size, stride=stride, dilation=dilation, pads=pads)
    z = np.zeros((len(x), *output_size, channels), dtype=np.float64)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, output_size, stride=stride, dilation=dilation)
        z += padded[:, rows, columns] * weights[0, ky, kx]
    return z if bias is None else z + bias


def depthwise_conv_2d_backward(delta, x, weights, *, stride=(1, 1), dilation=(1, 1), pads=(0, 0)):
    """Gradients from delta = dLoss/dz: (dLoss/dx like x, dLoss/dW like weights, dLoss/db [OC])."""
    output_size, filter_size, channels = delta.shape[1:3], weights.shape[1:3], weights.shape[3]
    multiplier = channels // x.shape[3]
    repeated = np.repeat(x, multiplier, axis=3)
    padded = pad_map(repeated, output_size, filter_size, stride=stride, dilation=dilation, pads=pads)
    padded_grad, weights_grad = np.zeros_like(padded), np.zeros_like(weights)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, output_size, stride=stride, dilation=dilation)
        padded_grad[:, rows, columns] += delta * weights[0, ky, kx]
        weights_grad[0, ky, kx] = np.sum(delta * padded[:, rows, columns], axis=(0, 1, 2))
    repeated_grad = crop_map(padded_grad, x.shape[1:3], pads)
    input_grad = repeated_grad.reshape(*x.shape, multiplier).sum(axis=-1)
    return input_grad, weights_grad, delta.sum(axis=(0, 1, 2))
