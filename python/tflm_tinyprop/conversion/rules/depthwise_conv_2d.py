"""DEPTHWISE_CONV_2D: every channel has its own filters, W [1, height, width, in channels * multiplier]."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import Cost
from tflm_tinyprop.conversion.rules.layer import WEIGHTS, LayerRule
from tflm_tinyprop.conversion.rules.window import window_fields
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class DepthwiseConv2DRule(LayerRule):
    kind = "DEPTHWISE_CONV_2D"
    gradient = gradient_op = options.DEPTHWISE_CONV_2D_GRAD
    note = "any stride, dilation, padding and channel multiplier; fused none, RELU, RELU6, RELU_N1_TO_1"

    def problem(self, graph: Graph, op: Op) -> str | None:
        if len(op.inputs) > 2 and op.inputs[2] < 0:
            return "its bias is given as tensor -1, which TFLM does not survive; export it with a bias, or with two inputs"
        return super().problem(graph, op)

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost:
        _, height, width, _ = graph.tensors[op.inputs[WEIGHTS]].shape
        return Cost(graph.tensors[op.outputs[0]].size // batch_size, height * width, height * width)

    def pack_options(self, graph, request, layer) -> bytes:
        _, height, width, _ = graph.tensors[request.op.inputs[WEIGHTS]].shape
        return options.ConvGradOptions(*layer, *window_fields(graph, request.op, height, width)).pack()
