"""Replaces ops that TFLM has no kernel for by ones that it has and that compute the same, bit for bit.

Converters write TILE for UpSampling1D, UpSampling2D and RepeatVector, and SELECT in front of an Embedding's GATHER.

A substitute takes the graph and the op, appends the op's replacement to graph.ops, and returns False if it has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options


def substitute_missing_ops(graph: Graph) -> None:
    """In place; tensors keep their indices, new ones follow them."""
    if not any(op.kind in SUBSTITUTES for op in graph.ops):
        return
    original, graph.ops = graph.ops, []
    for op in original:
        substitute = SUBSTITUTES.get(op.kind)
        if substitute is None or not substitute(graph, op):
            graph.ops.append(op)
    _skip_reshaped_reshapes(graph)


def _skip_reshaped_reshapes(graph: Graph) -> None:
    """A RESHAPE of what another one made reads that one's input; the other goes if nobody else reads it."""
    producer = {op.outputs[0]: op for op in graph.ops if op.kind == "RESHAPE"}
    for op in graph.ops:
        while op.kind == "RESHAPE" and op.inputs[0] in producer:
            op.inputs[0] = producer[op.inputs[0]].inputs[0]
    read = {*graph.outputs, *(t for op in graph.ops for t in op.inputs)}
    graph.ops = [op for op in graph.ops if op.kind != "RESHAPE" or op.outputs[0] in read]


# Of ops whose first version TensorFlow Lite does not know; TFLM looks at none.
_VERSIONS = {"BROADCAST_TO": 2}


def _append(graph: Graph, kind: str, inputs: list[int], output: int | tuple[int, ...], of: Op, raw) -> int:
    """output: the tensor to write, or the shape of a new one of the type of what the op `of` writes."""
    if isinstance(output, tuple):
        result = graph.tensors[of.outputs[0]]
        output = graph.add_tensor(Tensor(f"{result.name}/{kind.lower()}_{len(graph.tensors)}", output, result.dtype))
    graph.ops.append(Op(kind, inputs, [output], version=_VERSIONS.get(kind, 1), raw=raw))
    return output


def _shape(graph: Graph, of: Op, values: Sequence[int]) -> int:
    name = f"{graph.tensors[of.outputs[0]].name}/shape_{len(graph.tensors)}"
    return graph.add_constant(name, np.array(values, np.int32))


def _reshape(graph: Graph, tensor: int, output: int | tuple[int, ...], of: Op) -> int:
    shape = list(output if isinstance(output, tuple) else graph.tensors[output].shape)
    raw = builtin_options("ReshapeOptions", newShape=shape)
    return _append(graph, "RESHAPE", [tensor, _shape(graph, of, shape)], output, of, raw)


def _tile(graph: Graph, op: Op) -> bool:
    """n times along an axis: with an axis of size 1 in front of it, which is broadcast."""
    if not graph.tensors[op.inputs[1]].is_constant or graph.tensors[op.inputs[0]].is_quantized:
        return False
    current, shape = op.inputs[0], list(graph.tensors[op.inputs[0]].shape)
    for axis, times in enumerate(graph.tensors[op.inputs[1]].array().reshape(-1).tolist()):
        if times > 1:
            outer, inner = math.prod(shape[:axis]), math.prod(shape[axis:])
            current = _reshape(graph, current, (outer, 1, inner), op)
            tiled = (outer, int(times), inner)
            current = _append(graph, "BROADCAST_TO", [current, _shape(graph, op, tiled)], tiled, op,
                              builtin_options("BroadcastToOptions"))
            shape[axis] *= int(times)
    _reshape(graph, current, op.outputs[0], op)
    return True


def _select(graph: Graph, op: Op) -> bool:
    """SELECT_V2; for int32, which that does not take, y + condition (x - y)."""
    condition, x, y = op.inputs
    dtype, shapes = graph.tensors[x].dtype, {graph.tensors[t].shape for t in op.inputs}
    if len(shapes) != 1 or any(graph.tensors[t].is_quantized for t in (x, y)):
        return False
    if dtype in _OF_SELECT_V2:
        _append(graph, "SELECT_V2", op.inputs, op.outputs[0], op, builtin_options("SelectV2Options"))
        return True
    if dtype != np.int32:
        return False
    (shape,) = shapes
    factor = _append(graph, "CAST", [condition], shape, op, builtin_options("CastOptions"))
    difference = _append(graph, "SUB", [x, y], shape, op, builtin_options("SubOptions"))
    change = _append(graph, "MUL", [factor, difference], shape, op, builtin_options("MulOptions"))
    _append(graph, "ADD", [y, change], op.outputs[0], op, builtin_options("AddOptions"))
    return True


_OF_SELECT_V2 = (np.float32, np.int8, np.int16)
SUBSTITUTES: dict[str, Callable[[Graph, Op], bool]] = {"TILE": _tile, "SELECT": _select}
