"""SOFTMAX inside a graph:  y = softmax(beta x) over the last dimension."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class SoftmaxRule(Rule):
    kind = "SOFTMAX"
    gradient = options.SOFTMAX_GRAD
    note = "at the output, cross entropy is taken on its input instead"

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op = request.op
        graph.ops.append(Op(
            kind=options.SOFTMAX_GRAD, is_custom=True,
            inputs=[request.delta, op.outputs[0], request.shared.gate], outputs=[],
            custom_options=options.SoftmaxGradOptions(float(op.options.beta)).pack(),
        ))
        return [(op.inputs[0], request.delta)]
