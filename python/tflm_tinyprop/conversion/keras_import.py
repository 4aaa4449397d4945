"""Keras -> graph, keeping every weight and the names of the layers.

TensorFlow's converter does for inference what training cannot accept: it drops and moves biases, merges constants that
are equal, and folds constants of other layers into kernels. It can do none of that to a weight that is an input of what
it converts. So that is how the model is converted, and what is wanted of it is done here, layer by layer
(keras_constants, fusing).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

import numpy as np

from tflm_tinyprop.conversion.fusing import FUSIBLE, Fuser
from tflm_tinyprop.conversion.keras_constants import Origin, merge_equal_origins, weights_to_constants
from tflm_tinyprop.conversion.keras_outputs import keras_output_names
from tflm_tinyprop.conversion.keras_weights import KerasWeight, flat_layers, keras_weights, part_of, unique
from tflm_tinyprop.conversion.layer_kinds import KINDS, is_layer, kernel_of, layouts_of
from tflm_tinyprop.conversion.rules import fused_activation
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import Graph, Op, read_graph, signature
from tflm_tinyprop.native_output import captured_output

BATCH_NORMS = ("fold", "keep")
_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum")


def import_keras(model, batch_size: int, batch_norm: str = "fold") -> SourceModel:
    """Converts a built Sequential or functional Keras 3 model with a fixed batch, as it computes with training=False.

    batch_norm: "fold" folds batch normalisations into the layers before them, "keep" leaves all of them products and sums
    of their own. The model itself is not changed.
    """
    _check_inputs(model, batch_size)
    _check_types(model)
    weights = [weight for weight in keras_weights(model) if weight.variable.dtype == "float32"]
    graph = read_graph(_convert(model, weights, batch_size), f"the conversion of Keras model '{model.name}'")
    *given, barrier = graph.inputs[len(model.inputs):]
    _open_barrier(graph, barrier)
    origins = weights_to_constants(
        graph, {tensor: np.asarray(weight.variable) for tensor, weight in zip(given, weights, strict=True)}
    )
    merge_equal_origins(graph, origins)
    _fuse(graph, origins, weights, batch_norm)
    kept = graph.drop_unused_tensors()
    origins = {kept[tensor]: origin for tensor, origin in origins.items() if tensor in kept}
    _name_inputs_and_outputs(graph, model)
    layer_names = _layer_names(graph, origins, weights)
    _name_weights(graph, origins, weights, layer_names)
    return SourceModel(
        graph, model.name, layer_names,
        unchanged=frozenset(
            layer_names[kernel_of(op)] for op in _layers(graph, origins) if _is_unchanged(op, origins, weights)
        ),
        without_bias=frozenset(
            layer_names[kernel_of(op)] for op in _layers(graph, origins) if KINDS[op.kind].bias_of(op) not in origins
        ),
        keras_model=model,
    )


def call_keras(model, inputs: Sequence) -> list:
    """The model's outputs with training=False, one after the other; inputs likewise, in the order of model.inputs."""
    import keras

    # A functional model may take a list or a dict; a Sequential one takes one tensor.
    structure = getattr(model, "_inputs_struct", model.inputs[0])
    return keras.tree.flatten(model(keras.tree.pack_sequence_as(structure, list(inputs)), training=False))


def load_keras(path: str | os.PathLike):
    """The model of a .keras or .h5 file. Raises ModelError if there is none."""
    if not os.path.exists(path):
        raise ModelError(f"cannot read the Keras model {path}: no such file")
    if os.path.isdir(path):
        raise ModelError(
            f"{path} is a folder; of a SavedModel only the .tflite that tf.lite.TFLiteConverter.from_saved_model() makes of it "
            "can be converted. Better, save the model with Keras' model.save('model.keras')"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    try:
        return keras.models.load_model(path, compile=False, custom_objects=_legacy_objects())
    except Exception as error:  # Keras raises whatever its readers raise
        raise ModelError(
            f"{path} is not a model that Keras {keras.__version__} can load: {error}. Load it as it can be loaded (custom "
            "objects: keras.models.load_model(path, custom_objects=...); a file of Keras 2: the package tf_keras) and convert "
            "the model, or its .tflite, instead of the file"
        ) from error


def _legacy_objects() -> dict:
    """Layers that read what Keras 2 wrote: it stored arguments of a convolution that a depthwise one does not have."""
    import keras

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
        def __new__(cls, *args, **kwargs):
            kwargs.pop("groups", None)
            return keras.layers.DepthwiseConv2D(*args, **kwargs)

    return {"DepthwiseConv2D": DepthwiseConv2D}


def _check_inputs(model, batch_size: int) -> None:
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            f"Keras model '{model.name}' has no input shape yet; give a Sequential model a keras.Input, "
            "and write subclassed models in the functional style"
        )
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


def _check_types(model) -> None:
    """A model of mixed precision, or quantised by Keras, has ops that neither TFLite nor TFLM has."""
    for layer in flat_layers(model):
        mode = getattr(layer.dtype_policy, "quantization_mode", None)
        if mode or layer.compute_dtype in ("float16", "bfloat16", "float64"):
            raise ModelError(
                f"layer '{layer.name}' of Keras model '{model.name}' computes in {mode or layer.compute_dtype}, and only float32 "
                "can be converted: build the model again under keras.config.set_dtype_policy('float32') and copy the weights "
                "with set_weights()"
            )


def _convert(model, weights: Sequence[KerasWeight], batch_size: int) -> bytes:
    """A .tflite whose inputs are the model's, then the weights, then the barrier, and whose batch is fixed."""
    import keras
    import tensorflow as tf

    count = len(model.inputs)

    def call(*given):
        *given, barrier = given
        values = [(weight.variable, value) for weight, value in zip(weights, given[count:], strict=True)]
        # Whatever else the model holds (mean and variance of a Normalization, say) is traced as it is.
        with keras.StatelessScope(state_mapping=values):
            outputs = call_keras(model, given[:count])
        outputs = [tf.identity(output, name=f"output_{position}") for position, output in enumerate(outputs)]
        _bar_products(barrier)
        return outputs

    signature_of_call = [
        *(tf.TensorSpec((batch_size, *x.shape[1:]), x.dtype, f"input_{i}") for i, x in enumerate(model.inputs)),
        *(tf.TensorSpec(w.variable.shape, w.variable.dtype, f"weight_{i}") for i, w in enumerate(weights)),
        tf.TensorSpec((), tf.float32, "barrier"),
    ]
    # The converter writes notes for its developers to stdout and stderr.
    with captured_output([]):
        try:
            traced = tf.function(call, autograph=False).get_concrete_function(*signature_of_call)
        except Exception as error:  # whatever the model's layers raise
            raise ModelError(f"Keras model '{model.name}' cannot be called with batch {batch_size}: {error}") from error
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
        converter.experimental_lower_to_saved_model = False  # which would take four times as long
        try:
            return converter.convert()
        except Exception as error:  # the converter raises whatever its parts raise
            raise ModelError(
                f"TensorFlow's converter cannot convert Keras model '{model.name}': {_reason(str(error), traced.graph)}"
            ) from error


def _bar_products(barrier) -> None:
    """Adds the barrier to every matrix product of the function that is being traced.

    The converter takes a product for a dense layer at first, puts constants and activations behind it into it, and loses
    them when it finds that the matrix is not constant (TensorFlow 2.19, 2.21).
    """
    import tensorflow as tf

    for op in tf.compat.v1.get_default_graph().get_operations():
        if op.type not in _PRODUCTS or op.outputs[0].dtype != tf.float32:
            continue
        product = op.outputs[0]
        readers = product.consumers()
        barred = tf.raw_ops.AddV2(x=product, y=barrier)
        for reader in readers:
            for position, tensor in enumerate(reader.inputs):
                if tensor is product:
                    reader._update_input(position, barred)


def _open_barrier(graph: Graph, barrier: int) -> None:
    """Makes the barrier zero, and its sums what they are then: nothing, or the activation that was fused into them."""
    graph.inputs = [t for t in graph.inputs if t != barrier]
    graph.tensors[barrier].data = np.zeros(1, np.float32).view(np.uint8)
    for op in list(graph.ops):
        if op.kind != "ADD" or barrier not in op.inputs:
            continue
        data, result = next(t for t in op.inputs if t != barrier), op.outputs[0]
        kind = next((kind for kind, number in FUSIBLE.items() if number == fused_activation(op)), None)
        if kind:
            op.kind, op.version, op.raw, op.inputs = kind, 1, None, [data]
        elif not fused_activation(op):
            graph.ops.remove(op)
            graph.outputs = [result if t == data else t for t in graph.outputs]
            for other in graph.ops:
                other.inputs = [result if t == data else t for t in other.inputs]
                other.outputs = [result if t == data else t for t in other.outputs]


def _reason(message: str, graph) -> str:
    """The ops that have no counterpart in TFLite, by the names that tell their layers, or what else the converter says."""
    kinds = set(re.findall(r"'tf\.(\w+)' op is neither", message))
    ops = [f"'{op.name}' ({op.type})" for op in graph.get_operations() if op.type in kinds]
    if ops:
        return f"TFLite has no counterpart of {', '.join(ops)}; replace the layer, or do its part outside the model"
    return next((line for line in message.splitlines() if line.strip()), "it does not say why")


def _fuse(graph: Graph, origins: dict[int, Origin], weights: Sequence[KerasWeight], batch_norm: str) -> None:
    fuser = Fuser(graph, origins, weights)
    fuser.products_to_layers()
    fuser.differences_to_sums()
    fuser.parametric_relus()
    fuser.biases()
    if batch_norm == "fold":
        fuser.batch_norms()
    fuser.activations()
    fuser.reshapes()


def _name_inputs_and_outputs(graph: Graph, model) -> None:
    inputs = {tensor.name: index for tensor, index in zip(model.inputs, graph.inputs, strict=True)}
    for name, index in inputs.items():
        graph.tensors[index].name = name
    names = keras_output_names(model)
    for name, index in zip(names, graph.outputs, strict=True):
        if index not in graph.inputs:
            graph.tensors[index].name = name
    outputs = dict(zip(names if len(names) > 1 else ["output_0"], graph.outputs, strict=True))
    graph.signature_defs = [signature(inputs, outputs)]


def _layers(graph: Graph, origins: Mapping[int, Origin]) -> list[Op]:
    """The ops whose kernel comes from Keras."""
    return [op for op in graph.ops if is_layer(graph, op) and kernel_of(op) in origins]


def _layer_names(graph: Graph, origins: Mapping[int, Origin], weights: Sequence[KerasWeight]) -> dict[int, str]:
    """Kernel tensor -> the Keras layer's name, or layer/weight if the layer has several kernels."""
    kernels = dict.fromkeys(kernel_of(op) for op in _layers(graph, origins))
    layers = [weights[origins[kernel].weight].layer for kernel in kernels]
    taken: set[str] = set()
    return {
        kernel: unique(layer if layers.count(layer) == 1 else weights[origins[kernel].weight].name, taken)
        for kernel, layer in zip(kernels, layers, strict=True)
    }


def _name_weights(graph: Graph, origins: Mapping[int, Origin], weights: Sequence[KerasWeight],
                  layer_names: Mapping[int, str]) -> None:
    """So that the file itself tells the layers' names, and which weight of Keras a tensor is."""
    taken: set[str] = set()
    for tensor, origin in origins.items():
        weight = weights[origin.weight]
        part = part_of(weight, origin.positions)
        graph.tensors[tensor].name = part.name if part else unique(f"{weight.layer}/constant", taken)
    for op in _layers(graph, origins):
        for position, role in ((KINDS[op.kind].kernel, "kernel"), (KINDS[op.kind].bias, "bias")):
            tensor = op.inputs[position] if position < len(op.inputs) else -1
            if tensor in origins and origins[tensor].positions is None:
                graph.tensors[tensor].name = f"{layer_names[kernel_of(op)]}/{role}"


def _is_unchanged(op: Op, origins: Mapping[int, Origin], weights: Sequence[KerasWeight]) -> bool:
    """Whether kernel and bias are weights of Keras, or parts of some, in a layout that is known."""
    kernel = origins[kernel_of(op)]
    part = part_of(weights[kernel.weight], kernel.positions)
    if part is None or not any(
        np.array_equal(layout.to_op(part.positions), kernel.positions) for layout in layouts_of(len(part.shape), op.kind)
    ):
        return False
    bias = origins.get(KINDS[op.kind].bias_of(op))
    part = part_of(weights[bias.weight], bias.positions) if bias else None
    return bias is None or part is not None and np.array_equal(part.positions.reshape(-1), bias.positions)
