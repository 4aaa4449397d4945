"""From a Keras model or a .tflite to the bytes of a trainable .tflite: the stages of convert(), one after the other."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.conversion.differentiate import differentiate
from tflm_tinyprop.conversion.folding import fold_constants
from tflm_tinyprop.conversion.keras_import import BATCH_NORMS, import_keras, load_keras
from tflm_tinyprop.conversion.keras_weights import is_keras_model
from tflm_tinyprop.conversion.plan import make_plan
from tflm_tinyprop.conversion.separate import separate_biases
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.conversion.substitution import substitute_missing_ops
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import metadata, tflite_metadata
from tflm_tinyprop.format.graph import Graph, read_graph, write_graph

_BIASES = {"DEPTHWISE_CONV_2D": 2, "SVDF": 3}


def read_source(model, batch_size: int = 1, batch_norm: str = "fold") -> SourceModel:
    """The first, slow half of convert(): a Keras model or .tflite as a graph. batch_norm: as for convert()."""
    if batch_norm not in BATCH_NORMS:
        raise ConfigError(f"batch_norm must be one of {', '.join(map(repr, BATCH_NORMS))}, got {batch_norm!r}")
    if _is_keras_file(model):
        model = load_keras(model)
    is_keras = is_keras_model(model)
    if batch_norm != "fold" and not is_keras:
        raise ModelError(
            f"batch_norm={batch_norm!r} needs a Keras model: in a .tflite the converter that made it has folded the batch "
            "normalisations already"
        )
    source = import_keras(model, batch_size, batch_norm) if is_keras else _read_tflite(model)
    substitute_missing_ops(source.graph)
    return source


def _read_tflite(model) -> SourceModel:
    graph, name, data = _read(model)
    _check_biases(graph, name)
    if metadata.ENTRY in graph.metadata:
        raise ModelError(f"{name} is already trainable; load it with tflm_tinyprop.load() instead")
    fold_constants(graph)
    return SourceModel(graph, name, tflite=data)


def trainable_bytes(source: SourceModel, *, trainable_layers="all", loss, config: TinyPropConfig | None = None,
                    batch_size: int = 1, output: str | int | None = None, labels: Sequence[str] | None = None,
                    stateful: bool = False) -> bytes:
    """The second half of convert(): a trainable .tflite. One source may be made trainable in several ways."""
    graph = source.graph
    separate_biases(graph)
    plan = make_plan(source, trainable_layers=trainable_layers, loss=loss, batch_size=batch_size,
                     output=output, stateful=stateful)
    trainable = differentiate(graph, plan, config or TinyPropConfig.v2())
    training = metadata.unpack(trainable.metadata[metadata.ENTRY])
    _check_labels(labels, graph.tensors[graph.outputs[training.output]].shape[-1])
    described, attached = tflite_metadata.add_metadata(trainable, training, source.name, labels)
    return write_graph(described) + attached


def _is_keras_file(model) -> bool:
    return isinstance(model, (str, os.PathLike)) and (
        pathlib.Path(model).suffix in (".keras", ".h5", ".hdf5") or pathlib.Path(model).is_dir()
    )


def _check_biases(graph: Graph, name: str) -> None:
    """An optional bias that is left out as tensor -1 ends the process in these kernels of TFLM."""
    for op in graph.ops:
        position = _BIASES.get(op.kind)
        if position is not None and len(op.inputs) > position and op.inputs[position] < 0:
            raise ModelError(f"{name}: '{graph.tensors[op.outputs[0]].name}' ({op.kind}) has its bias given as tensor -1, which TFLM "
                             "does not survive; export it with a bias")


def _read(model):
    if isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
        return read_graph(data, "the .tflite"), "model", data
    if isinstance(model, (str, os.PathLike)):
        data = files.read_bytes(model)
        return read_graph(data, str(model)), pathlib.Path(model).stem, data
    raise ModelError(
        "convert() takes a Keras model, the path to a .keras, .h5 or .tflite, or the bytes of a .tflite, "
        f"got {type(model).__name__}"
    )


def _check_labels(labels: Sequence[str] | None, classes: int) -> None:
    if labels is not None and len(labels) != classes:
        raise ModelError(f"labels has {len(labels)} names, the model's output has {classes} classes")
