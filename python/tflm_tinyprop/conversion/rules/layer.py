"""What the rules of layers with weights share: parameters, and the inputs of their gradient op."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import (
    GradientRequest,
    Parameter,
    Rule,
    activation_problem,
    float_problem,
    fused_activation,
    like,
)
from tflm_tinyprop.format import options, tables
from tflm_tinyprop.format.graph import Graph, Op
from tflm_tinyprop.format.metadata import BIAS, KERNEL

INPUT, WEIGHTS, BIAS_INPUT = 0, 1, 2


class LayerRule(Rule):
    """y = act(f(x, W) + b). Inputs x, W, b; W and b constant."""

    gradient_op: str

    def problem(self, graph: Graph, op: Op) -> str | None:
        problem = float_problem(graph, op) or activation_problem(op, options.ACTIVATIONS)
        weights = (op.inputs[p] for p in (WEIGHTS, BIAS_INPUT) if p < len(op.inputs) and op.inputs[p] >= 0)
        if problem is None and not all(graph.tensors[t].is_constant for t in weights):
            problem = "its weights or bias are computed by another op; only constant ones can be trained"
        return problem

    def parameters(self, graph: Graph, op: Op) -> list[Parameter]:
        found = []
        for role, position in ((KERNEL, WEIGHTS), (BIAS, BIAS_INPUT)):
            if position < len(op.inputs) and op.inputs[position] >= 0:
                if graph.tensors[op.inputs[position]].is_constant:
                    found.append(Parameter(role, position))
        return found

    def pack_options(self, graph: Graph, request: GradientRequest, layer: tuple[int, int, int, int]) -> bytes:
        """The gradient op's options. layer: fused activation, flags, layer number, layers above."""
        return options.LayerGradOptions(*layer).pack()

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op, shared = request.op, request.shared
        activation = 0 if request.activation_done else fused_activation(op)
        x = op.inputs[INPUT]
        handed = []
        if x in request.hand_down_to:
            handed = [(x, like(graph, x, f"tinyprop/{request.name}/input_delta"))]
        graph.ops.append(Op(
            kind=self.gradient_op,
            is_custom=True,
            # A tensor that is not needed is left out, so that the planner can free it earlier.
            inputs=[
                request.delta,
                x if request.flags & tables.UPDATES_WEIGHTS else -1,
                op.outputs[0] if activation else -1,
                op.inputs[WEIGHTS],
                op.inputs[BIAS_INPUT] if request.flags & tables.UPDATES_BIAS else -1,
                shared.gate, shared.control, shared.statistics, shared.state,
            ],
            outputs=[delta for _, delta in handed],
            custom_options=self.pack_options(
                graph, request, (activation, request.flags, request.layer, request.layers_above)
            ),
        ))
        return handed
