"""PRELU:  y = x if x > 0, else alpha x; alpha is broadcast against x."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.activation import mask_by_relu
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class PreluRule(Rule):
    """dx = dy where x > 0, plus alpha dy where x < 0; at 0 nothing, as Keras has it, which writes both parts as a ReLU."""

    kind = "PRELU"
    gradient = f"RESHAPE (copy), {options.ACTIVATION_GRAD}, NEG, MUL, ADD"
    note = "constant alpha, which stays frozen"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its alpha is computed; only a constant one has a gradient"
        return super().problem(graph, op)

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, alpha = request.op.inputs
        name = f"{request.name}/input_delta"
        positive = builtin.copy(graph, request.delta, f"{name}/positive")
        mask_by_relu(graph, request.shared.gate, positive, x)
        mask_by_relu(graph, request.shared.gate, request.delta, builtin.negate(graph, x, f"{name}/negated"))
        negative = builtin.multiply(graph, request.delta, alpha, f"{name}/negative")
        return [(x, builtin.add(graph, positive, negative, name))]
