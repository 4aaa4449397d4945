"""DEPTHWISE_CONV_2D: every channel has its own filters, W [1, height, width, in channels * multiplier]."""

from __future__ import annotations

from tflm_tinyprop.conversion.layer_kinds import KINDS
from tflm_tinyprop.conversion.rules.layer import ConvRule
from tflm_tinyprop.format.graph import Graph, Op


class DepthwiseConv2DRule(ConvRule):
    layer = KINDS["DEPTHWISE_CONV_2D"]

    def problem(self, graph: Graph, op: Op) -> str | None:
        if len(op.inputs) > self.layer.bias and op.inputs[self.layer.bias] < 0:
            return "its bias is given as tensor -1, which TFLM does not survive; export it with a bias, or with two inputs"
        return super().problem(graph, op)
