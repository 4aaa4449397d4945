"""Windows that slide over a map: the taps of each output position, padded as TensorFlow pads."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class PoolWindow:
    """filter, stride, pad: (height, width). pad counts the rows above and the columns on the left."""

    filter: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)

    def taps(self, output_position, map_size) -> tuple[slice, slice]:
        """Rows and columns of the window at (oy, ox) that lie inside a map of (height, width)."""
        firsts = (o * s - p for o, s, p in zip(output_position, self.stride, self.pad))
        return tuple(
            slice(max(first, 0), min(first + size, limit))
            for first, size, limit in zip(firsts, self.filter, map_size)
        )


def same_padding(map_size, filter_size, stride):
    """((OH, OW), (pad above, pad on the left)) of padding SAME: the odd one goes below and to the right."""
    output = tuple(-(-size // s) for size, s in zip(map_size, stride))
    pad = tuple(
        max((o - 1) * s + f - size, 0) // 2 for o, s, f, size in zip(output, stride, filter_size, map_size)
    )
    return output, pad


def valid_padding(map_size, filter_size, stride):
    """((OH, OW), (0, 0)) of padding VALID; the filter is no larger than the map."""
    return tuple((size - f) // s + 1 for size, f, s in zip(map_size, filter_size, stride)), (0, 0)


def windows(window: PoolWindow, x: np.ndarray, output_size):
    """((oy, ox), rows, columns) of each output position of the map x [B, IH, IW, C]."""
    for position in np.ndindex(*output_size):
        yield position, *window.taps(position, x.shape[1:3])
