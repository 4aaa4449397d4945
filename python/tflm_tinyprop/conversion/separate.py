"""Gives every layer constants of its own, where a converter merged equal ones.

TensorFlow's converter keeps one tensor for all constants of equal value: the zero biases of all fresh
convolutions, say. For inference that is all the same; for training they are different parameters.
"""

from __future__ import annotations

from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.format.graph import Graph, Op
from tflm_tinyprop.format.metadata import BIAS


def separate_biases(graph: Graph) -> None:
    """Copies biases that several ops read, in place.

    Kernels are left alone: ops that share one may do so on purpose, which only the model's source knows.
    """
    seen: set[int] = set()
    for op in graph.ops:
        rule = RULES.get(op.kind)
        for parameter in rule.parameters(graph, op) if rule else ():
            if parameter.role == BIAS:
                separate(graph, op, parameter.position, seen)


def separate(graph: Graph, op: Op, position: int, seen: set[int]) -> None:
    """Makes the op's input a copy if its tensor, or one with the same data, was seen before."""
    tensor = graph.tensors[op.inputs[position]]
    if id(tensor.data) in seen:
        op.inputs[position] = graph.add_constant(f"{tensor.name}/{len(graph.tensors)}", tensor.array())
    seen.add(id(graph.tensors[op.inputs[position]].data))
