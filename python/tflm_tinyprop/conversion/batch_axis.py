"""Where the samples of a batch are: gradient ops take sample b from the b-th part of a tensor."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.rearrange import permutation
from tflm_tinyprop.format.graph import Graph, Op


def batch_axes(graph: Graph, batch_size: int) -> dict[int, int | None]:
    """{tensor: the axis that counts samples} of all tensors that depend on the graph's inputs; None: it cannot be told.

    Transposing ops move that axis (time in front, as recurrent layers have it). Of others it stays in front if it was
    there, since they keep the order of the elements.
    """
    axes: dict[int, int | None] = dict.fromkeys(graph.inputs, 0)
    for op in graph.ops:
        known = [axes[t] for t in op.inputs if t in axes]
        if known:
            axis = known[0] if all(axis == known[0] for axis in known) else None
            for tensor in op.outputs:
                axes[tensor] = None if axis is None else _axis_behind(graph, op, axis, tensor, batch_size)
    return axes


def _axis_behind(graph: Graph, op: Op, axis: int, output: int, batch_size: int) -> int | None:
    if op.kind == "TRANSPOSE" and graph.tensors[op.inputs[1]].is_constant:
        return permutation(graph, op).index(axis)
    if axis == 0:
        return 0
    if op.kind == "STRIDED_SLICE":
        return axis - (int(op.options.shrinkAxisMask) & ((1 << axis) - 1)).bit_count()
    if op.kind == "UNPACK":
        return axis - (int(op.options.axis) % len(graph.tensors[op.inputs[0]].shape) < axis)
    shape = graph.tensors[output].shape
    inputs = {len(graph.tensors[t].shape) for t in op.inputs[:1] if t >= 0}
    return axis if inputs == {len(shape)} and shape[axis] == batch_size else None
