"""Windows that slide over a map: what convolutions and pooling share."""

from __future__ import annotations

from tflm_tinyprop.format.graph import Graph, Op

_SAME = 0  # schema.Padding.SAME


def window_fields(graph: Graph, op: Op, filter_height: int, filter_width: int) -> tuple[int, ...]:
    """(stride height, width, dilation height, width, pad top, left), padded as TFLite's kernels do."""
    options = op.options
    strides = int(options.strideH), int(options.strideW)
    dilations = int(getattr(options, "dilationHFactor", 1) or 1), int(getattr(options, "dilationWFactor", 1) or 1)
    input_map = graph.tensors[op.inputs[0]].shape[1:3]
    output_map = graph.tensors[op.outputs[0]].shape[1:3]
    pads = [0, 0]
    if options.padding == _SAME:
        for axis, size in enumerate((filter_height, filter_width)):
            span = (size - 1) * dilations[axis] + 1
            pads[axis] = max(0, (output_map[axis] - 1) * strides[axis] + span - input_map[axis]) // 2
    return (*strides, *dilations, *pads)
