"""Ops that only move values: RESHAPE, SQUEEZE, EXPAND_DIMS, TRANSPOSE, PAD, CONCATENATION."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.activation import emit_fused
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, activation_problem, float_problem
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class ReshapeRule(Rule):
    """The gradient has the input's shape again."""

    gradient = "RESHAPE"

    def __init__(self, kind: str):
        self.kind = kind

    def problem(self, graph: Graph, op: Op) -> str | None:
        return float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x = request.op.inputs[0]
        return [(x, builtin.reshape(graph, request.delta, graph.tensors[x].shape, f"{request.name}/input_delta"))]


class TransposeRule(Rule):
    """The gradient is permuted back."""

    kind = "TRANSPOSE"
    gradient = "TRANSPOSE"
    note = "constant permutation"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its permutation is computed; only a constant one has a gradient"
        return float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, inverse = request.op.inputs[0], np.argsort(permutation(graph, request.op))
        return [(x, builtin.transpose(graph, request.delta, inverse.tolist(), f"{request.name}/input_delta"))]


class ReverseRule(Rule):
    """The gradient is reversed again."""

    kind = "REVERSE_V2"
    gradient = "REVERSE_V2"
    note = "constant axes"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its axes are computed; only constant axes have a gradient"
        return float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, axes = (request.op.inputs[position] for position in (0, 1))
        axes = graph.tensors[axes].array().reshape(-1).tolist()
        return [(x, builtin.reverse(graph, request.delta, axes, f"{request.name}/input_delta"))]


def permutation(graph: Graph, op: Op) -> list[int]:
    """Of a TRANSPOSE with a constant one: axis i of its output is axis permutation[i] of its input."""
    return [int(axis) for axis in graph.tensors[op.inputs[1]].array().reshape(-1)]


class PadRule(Rule):
    """The gradient of the part that is not padding."""

    gradient = "SLICE"
    note = "constant paddings"

    def __init__(self, kind: str):
        self.kind = kind

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its paddings are computed; only constant paddings have a gradient"
        return float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x = request.op.inputs[0]
        begin = [int(before) for before, _ in graph.tensors[request.op.inputs[1]].array()]
        size = graph.tensors[x].shape
        return [(x, builtin.slice_(graph, request.delta, begin, size, f"{request.name}/input_delta"))]


class ConcatenationRule(Rule):
    """Every input gets its own part of the gradient."""

    kind = "CONCATENATION"
    gradient = "SLICE"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return super().problem(graph, op) or activation_problem(op, options.ACTIVATIONS)

    def data_inputs(self, op: Op) -> list[int]:
        return list(op.inputs)

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        emit_fused(graph, request)
        rank = len(graph.tensors[request.op.outputs[0]].shape)
        axis = int(request.op.options.axis) % rank
        gradients, offset = [], 0
        for position, tensor in enumerate(request.op.inputs):
            size = graph.tensors[tensor].shape
            if tensor in request.hand_down_to:
                begin = [offset if a == axis else 0 for a in range(rank)]
                name = f"{request.name}/input_delta_{position}"
                gradients.append((tensor, builtin.slice_(graph, request.delta, begin, size, name)))
            offset += size[axis]
        return gradients
