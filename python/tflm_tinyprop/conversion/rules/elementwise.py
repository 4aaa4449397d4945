"""ADD, SUB, MUL, DIV and SQUARED_DIFFERENCE, with broadcasting and fused activations."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.activation import emit_fused
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, activation_problem, fused_activation
from tflm_tinyprop.conversion.rules.functions import scaled
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class _BinaryRule(Rule):
    note = "with broadcasting"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return super().problem(graph, op) or activation_problem(op, options.ACTIVATIONS)

    def data_inputs(self, op: Op) -> list[int]:
        return list(op.inputs[:2])

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        """The gradient with the op's output shape for the input at `position`."""
        raise NotImplementedError

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        emit_fused(graph, request)
        wanted = [p for p, t in enumerate(self.data_inputs(request.op)) if t in request.hand_down_to]
        gradients = []
        for position in wanted:
            tensor = request.op.inputs[position]
            name = f"{request.name}/input_delta_{position}"
            partial = self._partial(graph, request, position, last=position == wanted[-1])
            gradients.append((tensor, builtin.unbroadcast(graph, partial, graph.tensors[tensor].shape, name)))
        return gradients


class AddRule(_BinaryRule):
    kind = "ADD"
    gradient = "none, or RESHAPE (copy), SUM (broadcast)"

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        # Both inputs get the same gradient, but each needs a tensor of its own to change in place.
        if last or graph.tensors[request.op.inputs[position]].shape != graph.tensors[request.delta].shape:
            return request.delta
        return builtin.copy(graph, request.delta, f"{request.name}/delta_{position}")


class SubRule(_BinaryRule):
    kind = "SUB"
    gradient = "none, or NEG, SUM (broadcast)"

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        return builtin.negate(graph, request.delta, f"{request.name}/negated") if position else request.delta


class SquaredDifferenceRule(_BinaryRule):
    """y = (a - b)^2:  da = 2 (a - b) dy = -db"""

    kind = "SQUARED_DIFFERENCE"
    gradient = "SUB, MUL, SUM (broadcast)"

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        a, b, name = *request.op.inputs[:2], f"{request.name}/input_delta_{position}"
        operands = (b, a) if position else (a, b)
        difference = builtin.subtract(graph, *operands, f"{name}/difference")
        return scaled(graph, builtin.multiply(graph, request.delta, difference, f"{name}/product"), 2, name)


class MulRule(_BinaryRule):
    kind = "MUL"
    gradient = "MUL, SUM (broadcast)"

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        other = request.op.inputs[1 - position]
        return builtin.multiply(graph, request.delta, other, f"{request.name}/product_{position}")


class DivRule(_BinaryRule):
    """y = a / b:  da = dy / b,  db = -dy y / b."""

    kind = "DIV"
    gradient = "DIV, for the divisor also MUL and NEG; SUM (broadcast)"
    note = "with broadcasting; without fused activation, if a gradient goes to the divisor"

    def problem(self, graph: Graph, op: Op) -> str | None:
        problem = super().problem(graph, op)
        # Then y is not a / b any more.
        if problem is None and fused_activation(op) and not graph.tensors[op.inputs[1]].is_constant:
            problem = "it divides by what is computed and has a fused activation; make the activation a layer of its own"
        return problem

    def _partial(self, graph: Graph, request: GradientRequest, position: int, last: bool) -> int:
        divisor, delta, name = request.op.inputs[1], request.delta, f"{request.name}/input_delta_{position}"
        if position == 0:
            return builtin.divide(graph, delta, divisor, f"{name}/quotient")
        product = builtin.multiply(graph, delta, request.op.outputs[0], f"{name}/product")
        return builtin.negate(graph, builtin.divide(graph, product, divisor, f"{name}/quotient"), f"{name}/negated")
