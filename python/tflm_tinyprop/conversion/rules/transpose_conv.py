"""TRANSPOSE_CONV:  the filters W [out channels, height, width, in channels] slide over the output, an input each position."""

from __future__ import annotations

from tflm_tinyprop.conversion.layer_kinds import KINDS
from tflm_tinyprop.conversion.rules.layer import ConvRule
from tflm_tinyprop.format.graph import Graph, Op

_OUTPUT_SHAPE = 0


class TransposeConvRule(ConvRule):
    layer = KINDS["TRANSPOSE_CONV"]

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[_OUTPUT_SHAPE]].is_constant:
            return "its output shape is computed; only a constant one has a gradient: export with a fixed batch"
        return super().problem(graph, op)

    def maps(self, graph: Graph, op: Op) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return super().maps(graph, op)[::-1]
