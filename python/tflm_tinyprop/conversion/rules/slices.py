"""SLICE, STRIDED_SLICE and GATHER:  y is a part of x; the gradient of the rest is zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.conversion.rules.scatter import scatter_add
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


def _computed(graph: Graph, op: Op, positions: dict[int, str]) -> str | None:
    for position, what in positions.items():
        if not graph.tensors[op.inputs[position]].is_constant:
            return f"its {what} tensor is computed; only a constant one has a gradient"
    return None


def _integers(graph: Graph, tensor: int) -> list[int]:
    return [int(v) for v in graph.tensors[tensor].array().reshape(-1)]


class SliceRule(Rule):
    kind = "SLICE"
    gradient = "PAD"
    note = "constant begin"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return _computed(graph, op, {1: "begin"}) or float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, begin = request.op.inputs[0], _integers(graph, request.op.inputs[1])
        return [(x, _pad_to(graph, request.delta, begin, graph.tensors[x].shape, f"{request.name}/input_delta"))]


class StridedSliceRule(Rule):
    kind = "STRIDED_SLICE"
    gradient = f"RESHAPE (shrunk axes), {options.SCATTER_ADD} (strides), PAD"
    note = "constant begin and strides"

    def problem(self, graph: Graph, op: Op) -> str | None:
        problem = _computed(graph, op, {1: "begin", 3: "strides"}) or float_problem(graph, op, positions=(0,))
        if problem is None and (op.options.ellipsisMask or op.options.newAxisMask or op.options.offset):
            problem = ("it has an ellipsis, a new axis or an offset, which TFLM does not know; slice every axis, and reshape "
                       "afterwards")
        return problem

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, delta, parts = request.op.inputs[0], request.delta, _parts(graph, request.op)
        sizes = tuple(part.count for part in parts)
        if graph.tensors[delta].shape != sizes:
            delta = builtin.reshape(graph, delta, sizes, f"{request.name}/delta")
        name, shape, begin = f"{request.name}/input_delta", graph.tensors[x].shape, [part.begin for part in parts]
        for axis, part in enumerate(parts):
            if part.stride != 1 and part.count > 1:
                taken = part.begin + part.stride * np.arange(part.count)
                delta = scatter_add(graph, request.shared.gate, delta, axis, shape[axis], taken[:, None], f"{name}_{axis}")
                begin[axis] = 0
        return [(x, _pad_to(graph, delta, begin, shape, name))]


class GatherRule(Rule):
    """Slices by their indices; of one that is taken several times the gradients are added."""

    kind = "GATHER"
    gradient = f"{options.SCATTER_ADD}, RESHAPE (indices of another rank than 1)"
    note = "constant indices, no batch dimensions"

    def problem(self, graph: Graph, op: Op) -> str | None:
        problem = _computed(graph, op, {1: "indices"}) or float_problem(graph, op, positions=(0,))
        if problem is None and int(op.options.batchDims):
            problem = "it has batch dimensions; only a GATHER without them has a gradient"
        return problem

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, name = request.op.inputs[0], f"{request.name}/input_delta"
        shape = graph.tensors[x].shape
        axis, indices = int(request.op.options.axis) % len(shape), _integers(graph, request.op.inputs[1])
        taken, delta = (*shape[:axis], len(indices), *shape[axis + 1 :]), request.delta
        if graph.tensors[delta].shape != taken:
            delta = builtin.reshape(graph, delta, taken, f"{request.name}/delta")
        taps = np.array(indices)[:, None]
        return [(x, scatter_add(graph, request.shared.gate, delta, axis, shape[axis], taps, name))]


class _Part(NamedTuple):
    """The elements of an axis that a slice takes: begin, begin + stride, ..."""

    begin: int
    stride: int
    count: int


def _parts(graph: Graph, op: Op) -> list[_Part]:
    """Of every axis of the input, as TFLM's STRIDED_SLICE takes them."""
    begins, strides = (_integers(graph, op.inputs[position]) for position in (1, 3))
    counts = iter(graph.tensors[op.outputs[0]].shape)
    parts = []
    for axis, size in enumerate(graph.tensors[op.inputs[0]].shape):
        shrunk, unbounded = (mask >> axis & 1 for mask in (op.options.shrinkAxisMask, op.options.beginMask))
        begin = slice(None if unbounded else begins[axis], None, strides[axis]).indices(size)[0]
        parts.append(_Part(begin, strides[axis], 1 if shrunk else next(counts)))
    return parts


def _pad_to(graph: Graph, tensor: int, begin: Sequence[int], shape: Sequence[int], name: str) -> int:
    """A tensor of `shape` with this one at `begin` and zeros around it."""
    sizes = graph.tensors[tensor].shape
    paddings = [(b, size - b - part) for b, size, part in zip(begin, shape, sizes, strict=True)]
    return builtin.pad(graph, tensor, paddings, name) if any(map(any, paddings)) else tensor
