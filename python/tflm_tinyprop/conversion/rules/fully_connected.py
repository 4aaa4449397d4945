"""FULLY_CONNECTED:  y = act(x W^T + b), W [units, inputs]."""

from __future__ import annotations

from tflm_tinyprop.conversion.layer_kinds import KINDS
from tflm_tinyprop.conversion.rules.layer import LayerRule
from tflm_tinyprop.format.graph import Graph, Op


class FullyConnectedRule(LayerRule):
    layer = KINDS["FULLY_CONNECTED"]

    def problem(self, graph: Graph, op: Op) -> str | None:
        shape = graph.tensors[op.inputs[self.layer.kernel]].shape
        if getattr(op.options, "weightsFormat", 0):
            return "its weights are shuffled; convert for TFLM without shuffled weights"
        if len(shape) != 2:
            return f"its weights have shape {shape}, expected [units, inputs]"
        return super().problem(graph, op)
