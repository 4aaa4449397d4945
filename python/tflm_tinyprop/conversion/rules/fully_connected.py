"""FULLY_CONNECTED:  y = act(x W^T + b), W [units, inputs]."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import Cost
from tflm_tinyprop.conversion.rules.layer import WEIGHTS, LayerRule
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class FullyConnectedRule(LayerRule):
    kind = "FULLY_CONNECTED"
    gradient = gradient_op = options.FULLY_CONNECTED_GRAD
    note = "any batch; fused none, RELU, RELU6, RELU_N1_TO_1; with and without bias"

    def problem(self, graph: Graph, op: Op) -> str | None:
        shape = graph.tensors[op.inputs[WEIGHTS]].shape
        if getattr(op.options, "weightsFormat", 0):
            return "its weights are shuffled; convert for TFLM without shuffled weights"
        if len(shape) != 2:
            return f"its weights have shape {shape}, expected [units, inputs]"
        return super().problem(graph, op)

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost:
        inputs = graph.tensors[op.inputs[WEIGHTS]].shape[1]
        return Cost(graph.tensors[op.outputs[0]].size // batch_size, inputs, inputs)
