"""Multiply-accumulates of forward ops, from the shapes in the graph."""

from __future__ import annotations

from tflm_tinyprop.format.graph import Graph, Op

_WEIGHTS = 1


def forward_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one invoke of the op (whole batch); 0 for ops without a product sum.

    Convolutions count every tap of every output element, also those that padding leaves empty.
    """
    if op.kind not in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        return 0
    output = graph.tensors[op.outputs[0]]
    weights = graph.tensors[op.inputs[_WEIGHTS]]
    if op.kind == "FULLY_CONNECTED":  # weights [units, inputs]
        return output.size * weights.shape[1]
    if op.kind == "CONV_2D":  # filter [out channels, height, width, in channels]
        return output.size * weights.size // weights.shape[0]
    return output.size * weights.shape[1] * weights.shape[2]  # filter [1, height, width, channels]


def graph_macs(graph: Graph) -> int:
    """Multiply-accumulates of one invoke of all ops."""
    return sum(forward_macs(graph, op) for op in graph.ops)
