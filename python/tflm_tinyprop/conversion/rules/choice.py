"""Ops that take each element from one of two tensors: MAXIMUM, MINIMUM and SELECT_V2."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.format.graph import Graph, Op


class _ChoiceRule(Rule):
    """The tensor that an element was taken from has its gradient."""

    note = "with broadcasting"
    operands: tuple[int, int]  # positions of the two tensors among the inputs

    def data_inputs(self, op: Op) -> list[int]:
        return [op.inputs[position] for position in self.operands]

    def problem(self, graph: Graph, op: Op) -> str | None:
        return float_problem(graph, op, positions=self.operands)

    def _condition(self, graph: Graph, request: GradientRequest) -> int:
        """A bool tensor: whether an element is the first operand's."""
        raise NotImplementedError

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op, delta, gradients = request.op, request.delta, []
        condition = self._condition(graph, request)
        zero = graph.add_constant(f"tinyprop/{request.name}/zero", np.zeros((1,) * len(graph.tensors[delta].shape), np.float32))
        for number, tensor in enumerate(self.data_inputs(op)):
            if tensor in request.hand_down_to:
                name = f"{request.name}/input_delta_{number}"
                chosen = builtin.select(graph, condition, *((zero, delta) if number else (delta, zero)), f"{name}/chosen")
                gradients.append((tensor, builtin.unbroadcast(graph, chosen, graph.tensors[tensor].shape, name)))
        return gradients


class ExtremumRule(_ChoiceRule):
    """Of equal elements the first operand's counts, as in TensorFlow."""

    operands = (0, 1)

    def __init__(self, kind: str):
        self.kind = kind
        self._comparison = {"MAXIMUM": "GREATER_EQUAL", "MINIMUM": "LESS_EQUAL"}[kind]
        self.gradient = f"{self._comparison}, SELECT_V2, SUM (broadcast)"

    def _condition(self, graph: Graph, request: GradientRequest) -> int:
        return builtin.compare(graph, self._comparison, *request.op.inputs[:2], f"{request.name}/condition")


class SelectV2Rule(_ChoiceRule):
    kind = "SELECT_V2"
    gradient = "SELECT_V2, SUM (broadcast)"
    operands = (1, 2)

    def _condition(self, graph: Graph, request: GradientRequest) -> int:
        return request.op.inputs[0]
