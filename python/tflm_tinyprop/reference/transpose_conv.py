"""Transposed convolution: every input adds its filters to the output, `stride` further than its neighbour.

z[iy stride - pad + ky] += x[iy] W[ky], and the same across. Weights [OC, KH, KW, IC], maps [B, H, W, C].
"""

import numpy as np

from tflm_tinyprop.reference.conv_taps import crop_map, pad_map, tap_slices


def transpose_conv_forward(x, weights, bias=None, *, output_size, stride=(1, 1), pads=(0, 0)) -> np.ndarray:
    """z [B, OH, OW, OC]; output_size: (OH, OW)."""
    filter_size, positions = weights.shape[1:3], x.shape[1:3]
    z = np.zeros((len(x), *output_size, len(weights)))
    padded = pad_map(z, positions, filter_size, stride=stride, dilation=(1, 1), pads=pads)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, positions, stride=stride, dilation=(1, 1))
        padded[:, rows, columns] += x @ weights[:, ky, kx].T
    z = crop_map(padded, output_size, pads)
    return z if bias is None else z + bias


def transpose_conv_backward(delta, x, weights, *, stride=(1, 1), dilation=(1, 1), pads=(0, 0)):
    """Gradients from delta = dLoss/dz: (dLoss/dx like x, dLoss/dW like weights, dLoss/db [OC]). There is no dilation."""
    assert tuple(dilation) == (1, 1)
    filter_size, positions = weights.shape[1:3], x.shape[1:3]
    padded = pad_map(delta, positions, filter_size, stride=stride, dilation=dilation, pads=pads)
    input_grad, weights_grad = np.zeros_like(x), np.zeros_like(weights)
    for ky, kx in np.ndindex(*filter_size):
        rows, columns = tap_slices(ky, kx, positions, stride=stride, dilation=dilation)
        input_grad += padded[:, rows, columns] @ weights[:, ky, kx]
        weights_grad[:, ky, kx] = np.einsum("bhwo,bhwi->oi", padded[:, rows, columns], x)
    return input_grad, weights_grad, delta.sum(axis=(0, 1, 2))
