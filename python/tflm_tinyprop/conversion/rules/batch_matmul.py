"""BATCH_MATMUL:  Y = A B over the last two axes, either of them transposed or not."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule
from tflm_tinyprop.format.graph import Graph, Op


class BatchMatMulRule(Rule):
    """dA = dY B^T and dB = A^T dY; of a transposed operand the transposed."""

    kind = "BATCH_MATMUL"
    gradient = "BATCH_MATMUL, SUM (broadcast)"
    note = "both factors computed by other ops, or the first a constant"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if graph.tensors[op.inputs[1]].is_constant:
            return "its second factor is a constant, which is neither trained nor passed; use a Dense layer"
        return super().problem(graph, op)

    def data_inputs(self, op: Op) -> list[int]:
        return list(op.inputs[:2])

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op, delta, name = request.op, request.delta, f"{request.name}/input_delta"
        (a, b), (adj_a, adj_b) = op.inputs[:2], (bool(op.options.adjX), bool(op.options.adjY))
        of_a = (b, delta, adj_b, True) if adj_a else (delta, b, False, not adj_b)
        of_b = (delta, a, True, adj_a) if adj_b else (a, delta, not adj_a, False)
        gradients = []
        for position, (tensor, factors) in enumerate(((a, of_a), (b, of_b))):
            if tensor in request.hand_down_to:
                product = builtin.batch_matmul(graph, *factors, f"{name}_{position}")
                shape = graph.tensors[tensor].shape
                gradients.append((tensor, builtin.unbroadcast(graph, product, shape, f"{name}_{position}")))
        return gradients
