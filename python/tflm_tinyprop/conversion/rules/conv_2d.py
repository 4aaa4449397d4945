"""CONV_2D:  y = act(x * W + b), W [out channels, height, width, in channels]."""

from __future__ import annotations

from tflm_tinyprop.conversion.layer_kinds import KINDS
from tflm_tinyprop.conversion.rules.layer import ConvRule
from tflm_tinyprop.format.graph import Graph, Op


class Conv2DRule(ConvRule):
    layer = KINDS["CONV_2D"]

    def problem(self, graph: Graph, op: Op) -> str | None:
        channels, expected = (graph.tensors[op.inputs[p]].shape[-1] for p in (self.layer.x, self.layer.kernel))
        if channels != expected:
            return f"it is a grouped convolution ({channels} input channels, filters of {expected}), which has no gradient"
        return super().problem(graph, op)
