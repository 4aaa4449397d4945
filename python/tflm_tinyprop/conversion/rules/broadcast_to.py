"""BROADCAST_TO:  the gradients of all copies are added."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.conversion.rules.scatter import scatter_add
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class BroadcastToRule(Rule):
    kind = "BROADCAST_TO"
    gradient = f"{options.SCATTER_ADD}, RESHAPE (added axes)"
    note = "also of UpSampling1D, UpSampling2D and RepeatVector, whose TILE TFLM has not"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return float_problem(graph, op, positions=(0,))

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, delta, name = request.op.inputs[0], request.delta, f"{request.name}/input_delta"
        before, after = (graph.tensors[t].shape for t in (x, request.op.outputs[0]))
        padded = (1,) * (len(after) - len(before)) + before
        for axis, (size, copies) in enumerate(zip(padded, after, strict=True)):
            if size != copies:
                first = np.zeros((copies, 1))
                delta = scatter_add(graph, request.shared.gate, delta, axis, 1, first, f"{name}_{axis}")
        if len(before) != len(after):
            delta = builtin.reshape(graph, delta, before, name)
        return [(x, delta)]
