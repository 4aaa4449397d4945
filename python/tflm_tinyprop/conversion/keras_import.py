"""Keras -> graph, keeping every weight and the names of the layers.

TensorFlow's converter may do for inference what training cannot accept: it drops dense biases that are
zero, moves the bias of a linear dense layer into the next one, and merges constants that are equal.
All of that is undone here. What it folds into other weights, batch normalisations above all, stays
folded.
"""

from __future__ import annotations

import os
import re
import tempfile

import numpy as np

from tflm_tinyprop.conversion.layer_kinds import KINDS, is_layer, kernel_of, layouts_of
from tflm_tinyprop.conversion.separate import separate
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import Graph, Op, read_graph
from tflm_tinyprop.native_output import captured_output


def is_keras_model(model) -> bool:
    """True for a Keras model; does not import Keras unless the caller has."""
    return any(
        cls.__name__ in ("Model", "Sequential") and cls.__module__.startswith("keras")
        for cls in type(model).__mro__
    )


def import_keras(model, batch_size: int) -> SourceModel:
    """Converts a built Sequential or functional Keras 3 model with a fixed batch.

    The model itself is not changed.
    """
    inputs = _fixed_inputs(model, batch_size)
    names = [tensor.name for tensor in model.inputs]
    graph = _convert(_clone(model), inputs, names)
    _name_inputs(graph, names)

    layers = list(flat_layers(model))
    owners = _match_kernels(graph, layers)
    _separate_kernels(graph, owners)
    for op, layer in owners:
        _restore_bias(graph, op, layer)
    matched = {id(op) for op, _ in owners}
    for op in graph.ops:
        if op.kind == "FULLY_CONNECTED" and is_layer(graph, op) and id(op) not in matched:
            _add_missing_bias(graph, op)
    layer_names = _names_by_path(graph, layers) | {kernel_of(op): layer.name for op, layer in owners}
    for kernel, name in layer_names.items():  # so that the file itself tells the layers' names
        graph.tensors[kernel].name = f"{name}/kernel"
    return SourceModel(
        graph, model.name, layer_names, frozenset(layer.name for _, layer in owners),
        frozenset(layer.name for _, layer in owners if getattr(layer, "bias", None) is None),
        _unfolded_batch_norms(graph, layers), model,
    )


def load_keras(path: str | os.PathLike):
    """The model of a .keras or .h5 file. Raises ModelError if there is none."""
    if not os.path.exists(path):
        raise ModelError(f"cannot read {path}: no such file")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its readers raise
        raise ModelError(f"{path} is not a Keras model that can be loaded: {error}") from error


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
    """Exporting tracks resources on a model, so that a copy is exported."""
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


def _convert(clone, inputs: list, names: list[str]) -> Graph:
    import keras
    import tensorflow as tf

    # A clone exports with an open batch dimension; called on fixed inputs it exports with theirs.
    fixed = keras.Model(inputs, clone(inputs if len(inputs) > 1 else inputs[0]))
    # The converter writes notes for its developers to stdout and stderr.
    with tempfile.TemporaryDirectory() as folder, captured_output([]):
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


def _match_kernels(graph: Graph, layers: list) -> list[tuple[Op, object]]:
    """(op, Keras layer) pairs: the op's constant kernel is the layer's, bit for bit.

    Layers with equal kernels are matched in order. An op beyond the number of such layers belongs to the
    last one: a layer that is called twice.
    """
    ops = [op for op in graph.ops if is_layer(graph, op)]
    used: dict[int, object] = {}  # id(op) -> layer
    pairs = []
    for layer in layers:
        kernels = [np.asarray(w) for w in layer.weights if np.ndim(w) > 1]
        for kernel in kernels:
            same = [op for op in ops if _is_kernel(graph, op, kernel)]
            free = [op for op in same if id(op) not in used]
            if not free:
                continue
            remaining = sum(
                any(np.array_equal(kernel, np.asarray(w)) for w in other.weights)
                for other in layers[layers.index(layer) + 1 :]
            )
            # With fewer layers to come than ops left, this layer has several calls.
            for op in free[: max(1, len(free) - remaining)]:
                used[id(op)] = layer
                pairs.append((op, layer))
    return pairs


def _is_kernel(graph: Graph, op: Op, kernel: np.ndarray) -> bool:
    held = graph.tensors[kernel_of(op)].array()
    laid_out = (layout.to_op(kernel) for layout in layouts_of(kernel.ndim, op.kind))
    return any(held.shape == expected.shape and np.array_equal(held, expected) for expected in laid_out)


def _separate_kernels(graph: Graph, owners: list[tuple[Op, object]]) -> None:
    """Kernels that the converter merged although they belong to different layers."""
    first_call: dict[int, Op] = {}
    seen: set[int] = set()
    for op, layer in owners:
        if id(layer) in first_call:  # a second call of a layer really shares its kernel
            op.inputs[KINDS[op.kind].kernel] = kernel_of(first_call[id(layer)])
            continue
        separate(graph, op, KINDS[op.kind].kernel, seen)
        first_call[id(layer)] = op


def _restore_bias(graph: Graph, op: Op, layer) -> None:
    """Gives a layer its own bias back.

    The converter drops biases that are zero, except of convolutions. That of a dense layer without activation it moves
    into the bias of the next dense layer, which gets its own back in its turn.
    """
    bias = getattr(layer, "bias", None)
    if bias is None:
        return
    values = np.asarray(bias)
    own = KINDS[op.kind].bias_of(op)
    is_dense = op.kind == "FULLY_CONNECTED"
    if own < 0 or is_dense and not np.array_equal(graph.tensors[own].array(), values):
        _set_bias(graph, op, f"{layer.name}/bias", values)


def _add_missing_bias(graph: Graph, op: Op) -> None:
    """A dense layer with something folded into it has the shift of what was folded, even if that is zero."""
    kind, kernel = KINDS[op.kind], graph.tensors[kernel_of(op)]
    if kind.bias_of(op) < 0:
        _set_bias(graph, op, f"{kernel.name}/bias", np.zeros(kind.units(kernel.shape), np.float32))


def _set_bias(graph: Graph, op: Op, name: str, values: np.ndarray) -> None:
    op.inputs = [*op.inputs[: KINDS[op.kind].bias], graph.add_constant(name, values)]


def _names_by_path(graph: Graph, layers: list) -> dict[int, str]:
    """Kernel tensor index -> layer name, from the names TensorFlow gave the ops' outputs and kernels."""
    free = {layer.name for layer in layers if any(np.ndim(w) > 1 for w in layer.weights)}
    names = {}
    for op in graph.ops:
        if not is_layer(graph, op):
            continue
        kernel = kernel_of(op)
        for tensor in (graph.tensors[op.outputs[0]], graph.tensors[kernel]):
            name = _layer_in_path(tensor.name, free)
            if name and kernel not in names:
                names[kernel] = name
                free.discard(name)
    return names


def _layer_in_path(path: str, known: set[str]) -> str | None:
    """The Keras layer a tensor name speaks of; TensorFlow mostly appends _1, _2 ... to a layer's name."""
    for part in re.split(r"[/;:]", path):
        for candidate in (re.sub(r"_\d+$", "", part), part):
            if candidate in known:
                return candidate
    return None


def _unfolded_batch_norms(graph: Graph, layers: list) -> dict[int, str]:
    """Batch normalisations that are still there, as a product and a sum with constants."""
    names = {layer.name for layer in layers if type(layer).__name__ == "BatchNormalization"}
    found = {}
    for op in graph.ops:
        if op.kind in ("MUL", "ADD") and any(graph.tensors[t].is_constant for t in op.inputs[:2]):
            name = _layer_in_path(graph.tensors[op.outputs[0]].name, names)
            if name:
                found[op.outputs[0]] = name
    return found


def flat_layers(model):
    """All layers, those of nested models instead of the models."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat_layers(layer)
        else:
            yield layer
