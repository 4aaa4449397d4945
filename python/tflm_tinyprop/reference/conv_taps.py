"""The taps of a convolution's filter: which inputs each of them meets, over all output positions.

Stride, dilation and pads are pairs (height, width); pads are those before the first row and column. What
lies beyond the input reads zero.
"""

import numpy as np


def pad_map(x, output_size, filter_size, *, stride, dilation, pads) -> np.ndarray:
    """x [B, IH, IW, C] with zeros around it, large enough for every tap at every output position."""
    (top, left), (_, height, width, _) = pads, x.shape
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(output_size, stride, filter_size, dilation)]
    bottom, right = max(reach[0] - top - height, 0), max(reach[1] - left - width, 0)
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def tap_slices(ky: int, kx: int, output_size, *, stride, dilation) -> tuple[slice, slice]:
    """Rows and columns of a padded map that tap (ky, kx) reads, one per output position."""
    starts = (ky * dilation[0], kx * dilation[1])
    return tuple(
        slice(start, start + (size - 1) * step + 1, step) for start, size, step in zip(starts, output_size, stride)
    )


def crop_map(padded, input_size, pads) -> np.ndarray:
    """The part of a padded map that is the input itself."""
    return padded[:, pads[0] : pads[0] + input_size[0], pads[1] : pads[1] + input_size[1]]
