"""convert(): from a Keras model or a .tflite to a trainable model."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from tflm_tinyprop import files, metadata, tflite_metadata
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.differentiate import differentiate
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.graph import read_graph, write_graph
from tflm_tinyprop.keras_import import import_keras, is_keras_model
from tflm_tinyprop.model import TrainableModel
from tflm_tinyprop.plan import check_loss, make_plan
from tflm_tinyprop.separate import separate_biases
from tflm_tinyprop.source import SourceModel


def convert(
    model,
    *,
    trainable_layers: str | int | Sequence[str] = "all",
    loss: str = "sparse_categorical_crossentropy",
    config: TinyPropConfig | None = None,
    batch_size: int = 1,
    labels: Sequence[str] | None = None,
) -> TrainableModel:
    """Makes a model trainable.

    Args:
        model: a built Keras 3 model (Sequential or functional), or the path to or the bytes of a .tflite.
        trainable_layers: "all"; a number n for the last n layers with weights; or layer names. Layers
            below the first trainable one stay as they are, in flash, and cost no backward pass.
        loss: "sparse_categorical_crossentropy" (labels are class indices), "categorical_crossentropy"
            (one-hot) or "mean_squared_error" ("mse"). The cross entropies are taken on the logits: on the
            input of the softmax if the model ends in one, else on its output.
        config: settings of TinyProp, stored as the model's default; TinyPropConfig.v2() if None.
        batch_size: samples per step. A .tflite has to have this batch already.
        labels: names of the classes, stored in the standard metadata.

    Raises:
        ModelError: the model cannot be trained; the message names layer and op.
    """
    check_loss(loss)
    if config is not None and not isinstance(config, TinyPropConfig):
        raise ConfigError(f"config must be a TinyPropConfig, got {config!r}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= 0xFFFF:
        raise ConfigError(f"batch_size must be an integer from 1 to 65535, got {batch_size!r}")
    return make_trainable(
        read_source(model, batch_size), trainable_layers=trainable_layers, loss=loss, config=config,
        batch_size=batch_size, labels=labels,
    )


def read_source(model, batch_size: int = 1) -> SourceModel:
    """The first, slow half of convert(): a Keras model or .tflite as a graph."""
    if is_keras_model(model):
        return import_keras(model, batch_size)
    graph, name = _read(model)
    if metadata.ENTRY in graph.metadata:
        raise ModelError(f"{name} is already trainable; load it with tflm_tinyprop.load() instead")
    return SourceModel(graph, name)


def make_trainable(source: SourceModel, *, trainable_layers="all", loss: str, config: TinyPropConfig | None = None,
                   batch_size: int = 1, labels: Sequence[str] | None = None) -> TrainableModel:
    """The second half of convert(). One source may be made trainable in several ways."""
    graph, name = source.graph, source.name
    config = config or TinyPropConfig.v2()
    separate_biases(graph)
    plan = make_plan(source, trainable_layers=trainable_layers, loss=loss, batch_size=batch_size)
    trainable = differentiate(graph, plan, config)
    training = metadata.unpack(trainable.metadata[metadata.ENTRY])
    _check_labels(labels, graph.tensors[graph.outputs[0]].shape[-1])
    described, attached = tflite_metadata.add_metadata(trainable, training, name, labels)
    return TrainableModel(write_graph(described) + attached, source=name, keras_model=source.keras_model)


def _read(model):
    if isinstance(model, (bytes, bytearray, memoryview)):
        return read_graph(bytes(model), "the .tflite"), "model"
    if isinstance(model, (str, os.PathLike)):
        return read_graph(files.read_bytes(model), str(model)), pathlib.Path(model).stem
    raise ModelError(
        f"convert() takes a Keras model, or the path to or the bytes of a .tflite, got {type(model).__name__}"
    )


def _check_labels(labels: Sequence[str] | None, classes: int) -> None:
    if labels is not None and len(labels) != classes:
        raise ModelError(f"labels has {len(labels)} names, the model's output has {classes} classes")
