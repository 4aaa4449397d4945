"""The layers of a graph: its ops with weights, under the names users know them by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tflm_tinyprop.conversion.keras_weights import unique
from tflm_tinyprop.conversion.layer_kinds import is_layer, kernel_of
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.format.graph import Graph, Op

# Names that the converter gives tensors itself say nothing about layers.
_ANONYMOUS = ("arith.constant", "tfl.", "StatefulPartitionedCall", "Identity", "PartitionedCall", "output_")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A forward op with constant weights."""

    name: str
    operator: int  # index in graph.ops
    op: Op


def find_layers(graph: Graph, names: Mapping[int, str] | None = None) -> list[Layer]:
    """All ops with constant kernels, in graph order.

    names: kernel tensor index -> layer name, where the caller knows it (from Keras); other layers are
    named after the tensors TensorFlow named after them, else after their op kind and position.
    """
    names = names or {}
    taken: set[str] = set()
    layers = []
    for index, op in enumerate(graph.ops):
        if not is_layer(graph, op):
            continue
        name = names.get(kernel_of(op)) or _name_from_tensors(graph, op) or f"{op.kind.lower()}_{index}"
        layers.append(Layer(unique(name, taken), index, op))
    return layers


def _name_from_tensors(graph: Graph, op: Op) -> str | None:
    """'model/dense_1/kernel' or 'model/dense_1/MatMul;model/dense_1/Relu' -> 'dense_1'."""
    for tensor in (graph.tensors[kernel_of(op)], graph.tensors[op.outputs[0]]):
        first = tensor.name.split(";")[0].split(":")[0]
        parts = first.split("/")
        if len(parts) >= 2 and not first.startswith(_ANONYMOUS):
            return parts[-2]
    return None


def is_trainable(graph: Graph, layer: Layer) -> bool:
    """True if a rule exists for the layer and has no objection to it."""
    rule = RULES.get(layer.op.kind)
    return rule is not None and rule.problem(graph, layer.op) is None
