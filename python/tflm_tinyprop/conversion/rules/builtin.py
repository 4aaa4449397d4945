"""Gradient pieces that TFLM's builtin ops compute: each appends one op and returns its output tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options

_MOST_CONCATENATED = 10  # inputs of TFLM's CONCATENATION
_MOST_PADDED = 4  # dimensions that every TFLM's PAD takes


def _append(graph: Graph, kind: str, inputs: list[int], shape: Sequence[int], name: str, raw) -> int:
    output = graph.add_tensor(Tensor(f"tinyprop/{name}", tuple(shape), np.dtype(np.float32)))
    graph.ops.append(Op(kind, inputs, [output], raw=raw))
    return output


def _integers(graph: Graph, name: str, values: Sequence[int]) -> int:
    return graph.add_constant(f"tinyprop/{name}", np.array(values, np.int32))


def reshape(graph: Graph, tensor: int, shape: Sequence[int], name: str) -> int:
    target = _integers(graph, f"{name}/shape", shape)
    return _append(graph, "RESHAPE", [tensor, target], shape, name, builtin_options("ReshapeOptions", newShape=list(shape)))


def copy(graph: Graph, tensor: int, name: str) -> int:
    """TFLM has no op that only copies; a reshape to the same shape does."""
    return reshape(graph, tensor, graph.tensors[tensor].shape, name)


def add(graph: Graph, a: int, b: int, name: str) -> int:
    return _append(graph, "ADD", [a, b], graph.tensors[a].shape, name, builtin_options("AddOptions"))


def subtract(graph: Graph, a: int, b: int, name: str) -> int:
    """With broadcasting."""
    shape = np.broadcast_shapes(graph.tensors[a].shape, graph.tensors[b].shape)
    return _append(graph, "SUB", [a, b], shape, name, builtin_options("SubOptions"))


def multiply(graph: Graph, a: int, b: int, name: str) -> int:
    """With broadcasting."""
    shape = np.broadcast_shapes(graph.tensors[a].shape, graph.tensors[b].shape)
    return _append(graph, "MUL", [a, b], shape, name, builtin_options("MulOptions"))


def divide(graph: Graph, a: int, b: int, name: str) -> int:
    """a / b, with broadcasting."""
    shape = np.broadcast_shapes(graph.tensors[a].shape, graph.tensors[b].shape)
    return _append(graph, "DIV", [a, b], shape, name, builtin_options("DivOptions"))


def negate(graph: Graph, tensor: int, name: str) -> int:
    return _append(graph, "NEG", [tensor], graph.tensors[tensor].shape, name, builtin_options("NegOptions"))


def compare(graph: Graph, kind: str, a: int, b: int, name: str) -> int:
    """GREATER_EQUAL or another comparison, a bool tensor; with broadcasting."""
    shape = np.broadcast_shapes(graph.tensors[a].shape, graph.tensors[b].shape)
    output = graph.add_tensor(Tensor(f"tinyprop/{name}", shape, np.dtype(np.bool_)))
    options = "".join(word.capitalize() for word in kind.split("_"))
    graph.ops.append(Op(kind, [a, b], [output], raw=builtin_options(f"{options}Options")))
    return output


def select(graph: Graph, condition: int, a: int, b: int, name: str) -> int:
    """Elements of a where the condition holds, else of b; with broadcasting."""
    shape = np.broadcast_shapes(*(graph.tensors[t].shape for t in (condition, a, b)))
    return _append(graph, "SELECT_V2", [condition, a, b], shape, name, builtin_options("SelectV2Options"))


def reverse(graph: Graph, tensor: int, axes: Sequence[int], name: str) -> int:
    axis_tensor = _integers(graph, f"{name}/axes", axes)
    return _append(graph, "REVERSE_V2", [tensor, axis_tensor], graph.tensors[tensor].shape, name, builtin_options("ReverseV2Options"))


def transpose(graph: Graph, tensor: int, permutation: Sequence[int], name: str) -> int:
    """Axis i of the result is axis permutation[i] of the tensor."""
    shape = [graph.tensors[tensor].shape[axis] for axis in permutation]
    order = _integers(graph, f"{name}/permutation", permutation)
    return _append(graph, "TRANSPOSE", [tensor, order], shape, name, builtin_options("TransposeOptions"))


def batch_matmul(graph: Graph, a: int, b: int, adj_a: bool, adj_b: bool, name: str) -> int:
    """a b over the last two axes, each transposed if adj_... is set; the axes before them broadcast."""
    shapes = []
    for tensor, adjoint in ((a, adj_a), (b, adj_b)):
        shape = graph.tensors[tensor].shape
        shapes.append((*shape[:-2], *(shape[-2:][::-1] if adjoint else shape[-2:])))
    shape = (*np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]), shapes[0][-2], shapes[1][-1])
    return _append(graph, "BATCH_MATMUL", [a, b], shape, name, builtin_options("BatchMatMulOptions", adjX=adj_a, adjY=adj_b))


def slice_(graph: Graph, tensor: int, begin: Sequence[int], size: Sequence[int], name: str) -> int:
    bounds = [_integers(graph, f"{name}/begin", begin), _integers(graph, f"{name}/size", size)]
    return _append(graph, "SLICE", [tensor, *bounds], size, name, builtin_options("SliceOptions"))


def pad(graph: Graph, tensor: int, paddings: Sequence[tuple[int, int]], name: str) -> int:
    """With zeros. paddings: (before, after) of each axis."""
    if len(paddings) > _MOST_PADDED:
        return _pad_one_by_one(graph, tensor, paddings, name)
    shape = [size + sum(p) for size, p in zip(graph.tensors[tensor].shape, paddings, strict=True)]
    amounts = _integers(graph, f"{name}/paddings", paddings)
    return _append(graph, "PAD", [tensor, amounts], shape, name, builtin_options("PadOptions"))


def _pad_one_by_one(graph: Graph, tensor: int, paddings: Sequence[tuple[int, int]], name: str) -> int:
    shape = list(graph.tensors[tensor].shape)
    for axis, amounts in enumerate(paddings):
        if any(amounts):
            apart = (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
            tensor = reshape(graph, tensor, apart, f"{name}/axis_{axis}")
            tensor = pad(graph, tensor, [(0, 0), amounts, (0, 0)], f"{name}_{axis}")
            shape[axis] += sum(amounts)
    return reshape(graph, tensor, shape, name)


def zeros(graph: Graph, shape: Sequence[int], name: str) -> int:
    dims = _integers(graph, f"{name}/shape", shape)
    value = graph.add_constant(f"tinyprop/{name}/value", np.zeros((), np.float32))
    return _append(graph, "FILL", [dims, value], shape, name, builtin_options("FillOptions"))


def concatenate(graph: Graph, tensors: Sequence[int], axis: int, name: str) -> int:
    """Along an axis >= 0."""
    parts = list(tensors)
    while len(parts) > 1:
        groups = [parts[i : i + _MOST_CONCATENATED] for i in range(0, len(parts), _MOST_CONCATENATED)]
        parts = [group[0] if len(group) == 1 else _concatenate(graph, group, axis, name) for group in groups]
    return parts[0]


def _concatenate(graph: Graph, tensors: list[int], axis: int, name: str) -> int:
    shape = list(graph.tensors[tensors[0]].shape)
    shape[axis] = sum(graph.tensors[t].shape[axis] for t in tensors)
    return _append(graph, "CONCATENATION", tensors, shape, name, builtin_options("ConcatenationOptions", axis=axis))


def pack(graph: Graph, tensors: Sequence[int], axis: int, name: str) -> int:
    """Stacks tensors of one shape along a new axis >= 0."""
    shape = list(graph.tensors[tensors[0]].shape)
    shape.insert(axis, len(tensors))
    raw = builtin_options("PackOptions", valuesCount=len(tensors), axis=axis)
    return _append(graph, "PACK", list(tensors), shape, name, raw)


def unpack(graph: Graph, tensor: int, axis: int, name: str) -> list[int]:
    """The slices along an axis >= 0, without it."""
    shape = list(graph.tensors[tensor].shape)
    count = shape.pop(axis)
    outputs = [graph.add_tensor(Tensor(f"tinyprop/{name}_{i}", tuple(shape), np.dtype(np.float32))) for i in range(count)]
    graph.ops.append(Op("UNPACK", [tensor], outputs, raw=builtin_options("UnpackOptions", num=count, axis=axis)))
    return outputs


def sum_(graph: Graph, tensor: int, axes: Sequence[int], name: str) -> int:
    """Keeps the summed dimensions, with size 1."""
    shape = [1 if axis in axes else size for axis, size in enumerate(graph.tensors[tensor].shape)]
    axis_tensor = _integers(graph, f"{name}/axes", axes)
    return _append(graph, "SUM", [tensor, axis_tensor], shape, name, builtin_options("ReducerOptions", keepDims=True))


def unbroadcast(graph: Graph, tensor: int, shape: Sequence[int], name: str) -> int:
    """Sums a gradient over the dimensions along which a tensor of `shape` was broadcast."""
    current = graph.tensors[tensor].shape
    if current == tuple(shape):
        return tensor
    padded = (1,) * (len(current) - len(shape)) + tuple(shape)
    axes = [axis for axis, (have, want) in enumerate(zip(current, padded, strict=True)) if want == 1 and have != 1]
    if axes:
        tensor = sum_(graph, tensor, axes, f"{name}/sum")
    return reshape(graph, tensor, shape, name) if len(shape) != len(current) else tensor
