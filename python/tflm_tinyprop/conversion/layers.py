"""The layers of a graph: its ops with weights, under the names users know them by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tflm_tinyprop.conversion.keras_weights import unique
from tflm_tinyprop.conversion.layer_kinds import is_layer, kernel_of
from tflm_tinyprop.format.graph import Graph, Op

# Names that the converter gives tensors itself say nothing about layers.
_ANONYMOUS = ("arith.constant", "tfl.", "StatefulPartitionedCall", "Identity", "PartitionedCall", "output_")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A forward op with constant weights: a call of a layer, which may have several.

    Ops that read the same kernel are calls of one layer. name: of this call; the first has the layer's own, those after it
    have a number behind it.
    """

    name: str
    operator: int  # index in graph.ops
    op: Op
    owner: str  # the layer's name

    @property
    def is_first_call(self) -> bool:
        return self.name == self.owner


def find_layers(graph: Graph, names: Mapping[int, str] | None = None) -> list[Layer]:
    """All ops with constant kernels, in graph order.

    names: kernel tensor index -> layer name, where the caller knows it (from Keras); other layers are
    named after the tensors TensorFlow named after them, else after their op kind and position.
    """
    names = names or {}
    taken: set[str] = set()
    owners: dict[int, str] = {}  # kernel -> layer
    layers = []
    for index, op in enumerate(graph.ops):
        if not is_layer(graph, op):
            continue
        kernel = kernel_of(op)
        name = owners.get(kernel) or names.get(kernel) or _name_from_tensors(graph, op) or f"{op.kind.lower()}_{index}"
        name = unique(name, taken)
        layers.append(Layer(name, index, op, owners.setdefault(kernel, name)))
    return layers


def layer_names(layers: Sequence[Layer]) -> list[str]:
    """Names of the layers that these are calls of, each once, in the order of their first calls."""
    return list(dict.fromkeys(layer.owner for layer in layers))


def _name_from_tensors(graph: Graph, op: Op) -> str | None:
    """'model/dense_1/kernel' or 'model/dense_1/MatMul;model/dense_1/Relu' -> 'dense_1'."""
    for tensor in (graph.tensors[kernel_of(op)], graph.tensors[op.outputs[0]]):
        first = tensor.name.split(";")[0].split(":")[0]
        parts = first.split("/")
        if len(parts) >= 2 and not first.startswith(_ANONYMOUS):
            return parts[-2]
    return None
