"""Keras -> graph, keeping every weight and the names of the layers.

TensorFlow's converter drops biases that are zero and merges constants that are equal, as it may for
inference. For training they have to stay, so the conversion runs on a clone in which such weights carry
unique tags; the true values are put back into the flatbuffer afterwards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.graph import Graph, Tensor, read_graph


@dataclasses.dataclass(frozen=True)
class ImportedModel:
    """graph: as converted. layer_names: kernel tensor index -> Keras layer name."""

    graph: Graph
    layer_names: dict[int, str]


def is_keras_model(model) -> bool:
    """True for a Keras model; does not import Keras unless the caller has."""
    return any(
        cls.__name__ in ("Model", "Sequential") and cls.__module__.startswith("keras")
        for cls in type(model).__mro__
    )


def import_keras(model, batch_size: int) -> ImportedModel:
    """Converts a built Sequential or functional Keras 3 model with a fixed batch.

    The model itself is not changed.
    """
    inputs = _fixed_inputs(model, batch_size)
    clone = _clone(model)
    tags = _tag_weights(clone)
    names = [tensor.name for tensor in model.inputs]
    graph = _convert(clone, inputs, names)
    _name_inputs(graph, names)
    layer_names = _restore_weights(graph, model, clone, tags)
    return ImportedModel(graph, layer_names)


def _fixed_inputs(model, batch_size: int) -> list:
    """Keras inputs like the model's, with the batch fixed."""
    import keras

    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            f"Keras model '{model.name}' has no input shape yet; give a Sequential model a keras.Input, "
            "and write subclassed models in the functional style"
        )
    inputs = []
    for tensor in model.inputs:
        shape = tuple(tensor.shape)
        if any(d is None for d in shape[1:]):
            raise ModelError(
                f"input '{tensor.name}' of Keras model '{model.name}' has the dynamic shape {shape}; "
                "TFLM needs fixed shapes: give every dimension but the batch a number"
            )
        if shape[0] not in (None, batch_size):
            raise ModelError(
                f"input '{tensor.name}' of Keras model '{model.name}' has the fixed batch {shape[0]}, "
                f"but batch_size={batch_size}"
            )
        inputs.append(keras.Input(batch_shape=(batch_size, *shape[1:]), dtype=tensor.dtype, name=tensor.name))
    return inputs


def _clone(model):
    import keras

    try:
        clone = keras.models.clone_model(model)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise ModelError(
            f"Keras model '{model.name}' cannot be copied ({error}); only Sequential and functional models "
            "whose layers have get_config() can be converted"
        ) from error
    clone.set_weights(model.get_weights())
    return clone


def _tag_weights(clone) -> dict[str, np.ndarray]:
    """Replaces weights that the converter would drop or merge. Returns {path: tag}."""
    generator = np.random.default_rng(0x7157)
    seen: set[bytes] = set()
    tags = {}
    for variable in clone.trainable_variables + clone.non_trainable_variables:
        values = np.asarray(variable)
        if values.dtype != np.float32 or _is_statistic(variable):
            continue
        content = np.sort(values, axis=None).tobytes()  # equal up to a transposition
        if values.size and (content in seen or np.all(values == values.flat[0])):
            tag = generator.uniform(0.5, 1.5, values.shape).astype(np.float32)
            variable.assign(tag)
            tags[variable.path] = tag
        seen.add(content)
    return tags


def _is_statistic(variable) -> bool:
    """Statistics of a batch normalisation, and its scale, are folded into other weights."""
    return variable.path.rsplit("/", 1)[-1] in ("moving_mean", "moving_variance", "gamma")


def _convert(clone, inputs: list, names: list[str]) -> Graph:
    import keras
    import tensorflow as tf

    # A clone exports with an open batch dimension; called on fixed inputs it exports with theirs.
    fixed = keras.Model(inputs, clone(inputs if len(inputs) > 1 else inputs[0]))
    with tempfile.TemporaryDirectory() as folder, _quiet():
        signature = [
            keras.InputSpec(shape=x.shape, dtype=x.dtype, name=name) for x, name in zip(inputs, names, strict=True)
        ]
        fixed.export(
            folder, format="tf_saved_model", verbose=False,
            input_signature=signature if len(signature) == 1 else [signature],
        )
        data = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    return read_graph(data, f"the conversion of Keras model '{clone.name}'")


def _name_inputs(graph: Graph, names: list[str]) -> None:
    """Puts the inputs into Keras' order (the converter sorts them) and under Keras' names."""
    index_of = graph.signature_inputs()
    graph.inputs = [index_of[name] for name in names]
    for name, index in zip(names, graph.inputs, strict=True):
        graph.tensors[index].name = name


@contextlib.contextmanager
def _quiet():
    """The converter writes notes for its developers to the file descriptors 1 and 2."""
    saved = os.dup(1), os.dup(2)
    with open(os.devnull, "wb") as sink:
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])


def _restore_weights(graph: Graph, model, clone, tags: dict[str, np.ndarray]) -> dict[int, str]:
    """Puts true values where tags are; returns the layer names of the kernels that were recognised."""
    constants: dict[bytes, list[int]] = {}
    for index, tensor in enumerate(graph.tensors):
        if tensor.is_constant and tensor.dtype == np.float32:
            constants.setdefault(tensor.data.tobytes(), []).append(index)

    names: dict[int, str] = {}
    for layer, copied in zip(flat_layers(model), flat_layers(clone), strict=True):
        for weight, variable in zip(layer.weights, copied.weights, strict=True):
            converted, true = np.asarray(variable), np.asarray(weight)
            for layout in _layouts(converted.ndim):
                for index in constants.get(np.ascontiguousarray(layout(converted)).tobytes(), []):
                    if graph.tensors[index].shape != layout(converted).shape:
                        continue
                    if variable.path in tags:
                        graph.tensors[index].set_array(layout(true))
                    if converted.ndim > 1:
                        names[index] = layer.name
        _restore_dense_bias(graph, layer, names)
    return names


def _restore_dense_bias(graph: Graph, layer, names: dict[int, str]) -> None:
    """Gives a dense layer its own bias back.

    Behind a layer without activation the converter moves it into the bias of the next dense layer,
    which gets its own back in its turn.
    """
    bias = getattr(layer, "bias", None)
    if bias is None:
        return
    for op in graph.ops:
        if op.kind != "FULLY_CONNECTED" or names.get(op.inputs[1]) != layer.name:
            continue
        values = np.asarray(bias)
        own = op.inputs[2] if len(op.inputs) > 2 else -1
        if own >= 0 and np.array_equal(graph.tensors[own].array(), values):
            continue
        index = graph.add_tensor(Tensor(f"{layer.name}/bias", values.shape, values.dtype,
                                        values.reshape(-1).view(np.uint8).copy()))
        op.inputs = [*op.inputs[:2], index]


def _layouts(rank: int):
    """How TFLite may lay out a weight of this rank that Keras holds."""
    if rank == 2:  # dense: [inputs, units] -> [units, inputs]
        return (np.transpose,)
    if rank == 4:  # convolution -> [out, height, width, in]; depthwise -> [1, height, width, channels]
        return (lambda a: a.transpose(3, 0, 1, 2), lambda a: a.reshape(1, *a.shape[:2], -1))
    return (lambda a: a,)


def flat_layers(model):
    """All layers, those of nested models instead of the models."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat_layers(layer)
        else:
            yield layer
