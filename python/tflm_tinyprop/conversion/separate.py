"""Gives every layer constants of its own, where a converter merged equal ones.

TensorFlow's converter keeps one tensor for all constants of equal value: the zero biases of all fresh
convolutions, say. For inference that is all the same; for training they are different parameters.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.layer_kinds import kernel_of
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.format.graph import Graph, Op
from tflm_tinyprop.format.metadata import BIAS


def separate_biases(graph: Graph) -> None:
    """Copies biases that several layers read, in place, and gives the calls of a layer one bias.

    Ops that read the same kernel are calls of one layer if their biases are equal too. Kernels are left alone: ops that
    share one may do so on purpose, which only the model's source knows.
    """
    seen: set[int] = set()
    biases: dict[int, list[int]] = {}  # kernel -> the biases of its calls
    for op in graph.ops:
        rule = RULES.get(op.kind)
        for parameter in rule.parameters(graph, op) if rule else ():
            if parameter.role != BIAS:
                continue
            known = biases.setdefault(kernel_of(op), [])
            values = graph.tensors[op.inputs[parameter.position]].array()
            same = next((t for t in known if np.array_equal(graph.tensors[t].array(), values)), None)
            if same is not None:
                op.inputs[parameter.position] = same
            else:
                separate(graph, op, parameter.position, seen)
                known.append(op.inputs[parameter.position])


def separate(graph: Graph, op: Op, position: int, seen: set[int]) -> None:
    """Makes the op's input a copy if its tensor, or one with the same data, was seen before."""
    tensor = graph.tensors[op.inputs[position]]
    if id(tensor.data) in seen:
        op.inputs[position] = graph.add_constant(f"{tensor.name}/{len(graph.tensors)}", tensor.array())
    seen.add(id(graph.tensors[op.inputs[position]].data))
