"""Windows that slide over a map: what convolutions and pooling share."""

from __future__ import annotations

from tflm_tinyprop.format.graph import Op

_SAME = 0  # schema.Padding.SAME


def window_fields(op: Op, filter_size: tuple[int, int], covered: tuple[int, ...], positions: tuple[int, ...]) -> tuple[int, ...]:
    """(stride height, width, dilation height, width, pad top, left), padded as TFLite's kernels do.

    filter_size: height, width. covered: shape [B, H, W, C] of the map that the window slides over. positions: of the map that
    has an element for each of its positions.
    """
    options = op.options
    strides = int(options.strideH), int(options.strideW)
    dilations = int(getattr(options, "dilationHFactor", 1) or 1), int(getattr(options, "dilationWFactor", 1) or 1)
    pads = [0, 0]
    if options.padding == _SAME:
        for axis, size in enumerate(filter_size):
            span = (size - 1) * dilations[axis] + 1
            pads[axis] = max(0, (positions[1 + axis] - 1) * strides[axis] + span - covered[1 + axis]) // 2
    return (*strides, *dilations, *pads)
