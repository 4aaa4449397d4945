"""FULLY_CONNECTED:  y = act(x W^T + b), W [units, inputs]."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop import options
from tflm_tinyprop.graph import Graph, Op, Tensor
from tflm_tinyprop.metadata import BIAS, KERNEL
from tflm_tinyprop.rules.base import Cost, GradientRequest, Parameter, Rule, fused_activation

_INPUT, _WEIGHTS, _BIAS = 0, 1, 2


class FullyConnectedRule(Rule):
    kind = "FULLY_CONNECTED"

    def problem(self, graph: Graph, op: Op) -> str | None:
        weights = graph.tensors[op.inputs[_WEIGHTS]]
        for tensor in (graph.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0):
            if tensor.dtype != np.float32 or tensor.is_quantized:
                return (f"tensor '{tensor.name}' is {tensor.dtype or 'of an unknown type'}, only float32 "
                        "can be trained; convert without quantization")
        if fused_activation(op) not in options.ACTIVATIONS:
            return "its fused activation has no gradient; use none, relu, relu6 or a separate activation layer"
        if getattr(op.options, "weightsFormat", 0):
            return "its weights are shuffled; convert for TFLM without shuffled weights"
        if not weights.is_constant:
            return "its weights are computed by another op; only constant weights can be trained"
        if len(weights.shape) != 2:
            return f"its weights have shape {weights.shape}, expected [units, inputs]"
        return None

    def parameters(self, graph: Graph, op: Op) -> list[Parameter]:
        found = []
        for role, position in ((KERNEL, _WEIGHTS), (BIAS, _BIAS)):
            if position < len(op.inputs) and op.inputs[position] >= 0:
                if graph.tensors[op.inputs[position]].is_constant:
                    found.append(Parameter(role, position))
        return found

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost:
        inputs = graph.tensors[op.inputs[_WEIGHTS]].shape[1]
        return Cost(graph.tensors[op.outputs[0]].size // batch_size, inputs, inputs)

    def data_inputs(self, op: Op) -> list[int]:
        return [op.inputs[_INPUT]]

    def emit(self, graph: Graph, request: GradientRequest) -> dict[int, int]:
        op, shared = request.op, request.shared
        activation = 0 if request.activation_done else fused_activation(op)
        updates_weights = bool(request.flags & options.UPDATES_WEIGHTS)
        x = op.inputs[_INPUT]
        input_deltas = {}
        if x in request.hand_down_to:
            like = graph.tensors[x]
            input_deltas[x] = graph.add_tensor(
                Tensor(f"tinyprop/{request.name}/input_delta", like.shape, like.dtype)
            )
        graph.ops.append(Op(
            kind=options.FULLY_CONNECTED_GRAD,
            is_custom=True,
            # A tensor that is not needed is left out, so that the planner can free it earlier.
            inputs=[
                request.delta,
                x if updates_weights else -1,
                op.outputs[0] if activation else -1,
                op.inputs[_WEIGHTS],
                op.inputs[_BIAS] if request.flags & options.UPDATES_BIAS else -1,
                shared.gate, shared.control, shared.statistics, shared.state,
            ],
            outputs=list(input_deltas.values()),
            custom_options=options.LayerGradOptions(
                activation, request.flags, request.layer, request.layers_above
            ).pack(),
        ))
        return input_deltas
