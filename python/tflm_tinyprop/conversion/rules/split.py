"""SPLIT, SPLIT_V and UNPACK, which have several outputs, and PACK, which is UNPACK the other way round."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.format.graph import Graph, Op


class _ApartRule(Rule):
    """An op that cuts x into parts along an axis. x has the parts' gradients put together again."""

    x = 0  # position of x among the inputs

    def data_inputs(self, op: Op) -> list[int]:
        return [op.inputs[self.x]]

    def problem(self, graph: Graph, op: Op) -> str | None:
        return float_problem(graph, op, positions=(self.x,))

    def _together(self, graph: Graph, op: Op, parts: list[int], name: str) -> int:
        raise NotImplementedError

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op, zeros, parts = request.op, {}, []
        for output, delta in zip(op.outputs, request.deltas, strict=True):
            shape = graph.tensors[output].shape
            if delta is None and shape not in zeros:
                zeros[shape] = builtin.zeros(graph, shape, f"{request.name}/zeros_{len(zeros)}")
            parts.append(zeros[shape] if delta is None else delta)
        return [(op.inputs[self.x], self._together(graph, op, parts, f"{request.name}/input_delta"))]


class SplitRule(_ApartRule):
    kind = "SPLIT"
    gradient = "CONCATENATION"
    note = "constant axis"
    x, axis = 1, 0

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[self.axis]].is_constant:
            return "its axis is computed; only a constant axis has a gradient"
        return super().problem(graph, op)

    def _together(self, graph: Graph, op: Op, parts: list[int], name: str) -> int:
        rank = len(graph.tensors[op.inputs[self.x]].shape)
        axis = int(graph.tensors[op.inputs[self.axis]].array().reshape(-1)[0]) % rank
        return builtin.concatenate(graph, parts, axis, name)


class SplitVRule(SplitRule):
    kind = "SPLIT_V"
    x, axis = 0, 2


class UnpackRule(_ApartRule):
    kind = "UNPACK"
    gradient = "PACK"

    def _together(self, graph: Graph, op: Op, parts: list[int], name: str) -> int:
        return builtin.pack(graph, parts, _axis(graph, op, op.inputs[self.x]), name)


class PackRule(Rule):
    """Every input gets its own slice of the gradient."""

    kind = "PACK"
    gradient = "UNPACK"

    def data_inputs(self, op: Op) -> list[int]:
        return list(op.inputs)

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op = request.op
        slices = builtin.unpack(graph, request.delta, _axis(graph, op, op.outputs[0]), f"{request.name}/input_delta")
        return [(t, slice_) for t, slice_ in zip(op.inputs, slices, strict=True) if t in request.hand_down_to]


def _axis(graph: Graph, op: Op, tensor: int) -> int:
    return int(op.options.axis) % len(graph.tensors[tensor].shape)
