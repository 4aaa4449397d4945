"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.activation import emit_fused
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, activation_problem, like
from tflm_tinyprop.conversion.rules.window import window_fields
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class _PoolRule(Rule):
    gradient_op: str
    note = "any window, stride and padding"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return super().problem(graph, op) or activation_problem(op, options.ACTIVATIONS)

    def _references(self, op: Op) -> list[int]:
        """What the gradient op needs to see of the forward pass."""
        raise NotImplementedError

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        emit_fused(graph, request)
        op = request.op
        size = int(op.options.filterHeight), int(op.options.filterWidth)
        x = op.inputs[0]
        window = window_fields(op, size, graph.tensors[x].shape, graph.tensors[op.outputs[0]].shape)
        input_delta = like(graph, x, f"tinyprop/{request.name}/input_delta")
        graph.ops.append(Op(
            kind=self.gradient_op, is_custom=True,
            inputs=[request.delta, *self._references(op), request.shared.gate], outputs=[input_delta],
            custom_options=options.PoolGradOptions(*size, *window).pack(),
        ))
        return [(x, input_delta)]


class AveragePool2DRule(_PoolRule):
    kind = "AVERAGE_POOL_2D"
    gradient = gradient_op = options.AVERAGE_POOL_2D_GRAD

    def _references(self, op: Op) -> list[int]:
        return []


class MaxPool2DRule(_PoolRule):
    kind = "MAX_POOL_2D"
    gradient = gradient_op = options.MAX_POOL_2D_GRAD

    def _references(self, op: Op) -> list[int]:
        return [op.inputs[0], op.outputs[0]]
