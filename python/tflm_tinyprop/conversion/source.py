"""A model as it comes from outside: its graph, and what is known about it beyond that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tflm_tinyprop.format.graph import Graph


@dataclasses.dataclass(frozen=True)
class SourceModel:
    """graph: to be made trainable.

    layer_names: kernel tensor index -> layer name, where the source names layers. unchanged: names of the
    layers whose weights are in the graph as the source has them. without_bias: those that have no bias,
    though the graph may give them one of zeros. keras_model: the Keras model it comes from, if any;
    tflite: the bytes of the .tflite, if it comes from one.
    """

    graph: Graph
    name: str = "model"
    layer_names: Mapping[int, str] = dataclasses.field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    without_bias: frozenset[str] = frozenset()
    keras_model: Any = None
    tflite: bytes | None = None
