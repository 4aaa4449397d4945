"""CONV_2D:  y = act(x * W + b), W [out channels, height, width, in channels]."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import Cost
from tflm_tinyprop.conversion.rules.layer import INPUT, WEIGHTS, LayerRule
from tflm_tinyprop.conversion.rules.window import window_fields
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class Conv2DRule(LayerRule):
    kind = "CONV_2D"
    gradient = gradient_op = options.CONV_2D_GRAD
    note = "any stride, dilation and padding; fused none, RELU, RELU6, RELU_N1_TO_1; Conv1D as Keras converts it"

    def problem(self, graph: Graph, op: Op) -> str | None:
        channels, expected = graph.tensors[op.inputs[INPUT]].shape[-1], graph.tensors[op.inputs[WEIGHTS]].shape[-1]
        if channels != expected:
            return f"it is a grouped convolution ({channels} input channels, filters of {expected}), which has no gradient"
        return super().problem(graph, op)

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost:
        _, height, width, channels = graph.tensors[op.inputs[WEIGHTS]].shape
        macs = height * width * channels
        return Cost(graph.tensors[op.outputs[0]].size // batch_size, macs, macs)

    def pack_options(self, graph, request, layer) -> bytes:
        _, height, width, _ = graph.tensors[request.op.inputs[WEIGHTS]].shape
        return options.ConvGradOptions(*layer, *window_fields(graph, request.op, height, width)).pack()
