"""Where the samples of a batch are: gradient ops take sample b from the b-th part of a tensor."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.rearrange import permutation
from tflm_tinyprop.format.graph import Graph, Op

_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")


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
    if op.kind == "PACK":
        return axis + (int(op.options.axis) % len(graph.tensors[output].shape) <= axis)
    removed = _removed_axes(graph, op)
    if axis in removed:
        return None
    if axis == 0 or removed:
        return axis - sum(other < axis for other in removed)
    shape = graph.tensors[output].shape
    inputs = {len(graph.tensors[t].shape) for t in op.inputs[:1] if t >= 0}
    return axis if inputs == {len(shape)} and shape[axis] == batch_size else None


def _removed_axes(graph: Graph, op: Op) -> set[int]:
    """The axes of its input that the op's output does not have."""
    rank = len(graph.tensors[op.inputs[0]].shape)
    if op.kind == "STRIDED_SLICE":
        return {axis for axis in range(rank) if op.options.shrinkAxisMask >> axis & 1}
    if op.kind == "UNPACK":
        return {int(op.options.axis) % rank}
    if op.kind in _REDUCTIONS and not op.options.keepDims and graph.tensors[op.inputs[1]].is_constant:
        return {int(axis) % rank for axis in graph.tensors[op.inputs[1]].array().reshape(-1)}
    return set()
