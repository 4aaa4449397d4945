"""MEAN and SUM over constant axes:  dx = dy / n or dy, spread over the elements reduced."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.format.graph import Graph, Op


class MeanRule(Rule):
    kind = "MEAN"
    gradient = "RESHAPE, MUL"
    note = "constant axes"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its axes are computed; only constant axes have a gradient"
        return float_problem(graph, op, positions=(0,))

    def _share(self, reduced: list[int]) -> float:
        return 1 / np.prod(reduced)

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x = request.op.inputs[0]
        shape = graph.tensors[x].shape
        axes = {int(a) % len(shape) for a in graph.tensors[request.op.inputs[1]].array().reshape(-1)}
        kept = [1 if axis in axes else size for axis, size in enumerate(shape)]
        delta = request.delta
        if graph.tensors[delta].shape != tuple(kept):
            delta = builtin.reshape(graph, delta, kept, f"{request.name}/delta")
        reduced = [size if axis in axes else 1 for axis, size in enumerate(shape)]
        share = np.full(reduced, self._share(reduced), np.float32)
        weights = graph.add_constant(f"tinyprop/{request.name}/share", share)
        return [(x, builtin.multiply(graph, delta, weights, f"{request.name}/input_delta"))]


class SumRule(MeanRule):
    kind = "SUM"

    def _share(self, reduced: list[int]) -> float:
        return 1.0
