"""Convolution  z[b, oy, ox, o] = sum_{ky, kx, i} x[b, y, x, i] W[o, ky, kx, i] + b[o].

y = oy stride - pad + ky dilation, and the same across. Weights [OC, KH, KW, IC], maps [B, H, W, C].
"""

import numpy as np

from tflm_tinyprop.reference.conv_taps import crop_map, pad_map, tap_slices


def conv_2d_forward(x, weights, bias=None, *, output_size, stride=(1, 1), dilation=(1, 1), pads=(0, 0)) -> np.ndarray:
    """z [B, OH, OW, OC]; output_size: (OH, OW)."""
    filter_size = weights.shape[1:3]
    padded = pad_map(x, output_size, filter_size, stride=stride, dilation=dilation, pads=pads)
    z = np.zeros((len(x), *output_size, len(weights)), dtype=np.float64)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, output_size, stride=stride, dilation=dilation)
        z += padded[:, rows, columns] @ weights[:, ky, kx].T
    return z if bias is None else z + bias


def conv_2d_backward(delta, x, weights, *, stride=(1, 1), dilation=(1, 1), pads=(0, 0)):
    """Gradients from delta = dLoss/dz: (dLoss/dx like x, dLoss/dW like weights, dLoss/db [OC])."""
    output_size, filter_size = delta.shape[1:3], weights.shape[1:3]
    padded = pad_map(x, output_size, filter_size, stride=stride, dilation=dilation, pads=pads)
    padded_grad, weights_grad = np.zeros_like(padded), np.zeros_like(weights)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, output_size, stride=stride, dilation=dilation)
        padded_grad[:, rows, columns] += delta @ weights[:, ky, kx]
        weights_grad[:, ky, kx] = np.einsum("bhwo,bhwi->oi", delta, padded[:, rows, columns])
    return crop_map(padded_grad, x.shape[1:3], pads), weights_grad, delta.sum(axis=(0, 1, 2))
