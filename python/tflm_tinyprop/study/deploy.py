"""The model as a device gets it: batch normalisations folded, no dropout.

convert() does the same, but only for the interpreter. A study folds once, in Keras, so that every method in every
backend trains the same weights.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.keras_weights import copy_state
from tflm_tinyprop.conversion.layer_kinds import kind_of_keras


def deployed(model):
    """A copy of a Sequential or functional Keras model without batch normalisations that can be folded.

    One can be folded if it follows directly behind a linear convolution or dense layer that nothing else reads. The
    others stay, dropout becomes an identity.
    """
    import keras

    layers = keras.layers
    folded = _foldable(model)

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Dropout) or layer.name in folded:
            return layers.Identity(name=layer.name)
        if layer.name in folded.values():
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer, *args, **kwargs):
        # Nodes of a batch normalisation or dropout carry arguments that an identity does not take.
        return layer(*args) if isinstance(layer, layers.Identity) else layer(*args, **kwargs)

    sequential = isinstance(model, keras.Sequential)
    copy = keras.models.clone_model(model, clone_function=clone, **({} if sequential else {"call_function": call}))
    for layer in model.layers:
        if layer.weights and layer.name not in folded:
            _copy_weights(layer, copy.get_layer(layer.name))
    for name, target in folded.items():
        kernel, bias = _fold(model.get_layer(target), model.get_layer(name))
        copy.get_layer(target).set_weights([kernel, bias])
    return copy


def _copy_weights(layer, clone) -> None:
    if len(clone.weights) > len(layer.weights):  # its bias was added, and comes with the folding
        return
    copy_state(layer, clone)


def _foldable(model) -> dict[str, str]:
    """Name of a batch normalisation -> name of the layer it is folded into."""
    from keras import activations, layers

    folded = {}
    for layer in model.layers:
        if not isinstance(layer, layers.BatchNormalization) or len(layer._inbound_nodes) != 1:
            continue
        source = layer.input._keras_history.operation
        if (kind_of_keras(source) and source.activation is activations.linear and len(source._outbound_nodes) == 1
                and len(source._inbound_nodes) == 1 and layer.axis in (-1, len(layer.input.shape) - 1)):
            folded[layer.name] = source.name
    return folded


def _fold(layer, norm) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias with the normalisation in them: W' = s W, b' = s (b - mean) + beta."""
    kernel = np.asarray(layer.kernel)
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(np.shape(norm.moving_mean), np.float32)
    scale = (np.asarray(norm.gamma) if norm.scale else 1.0) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
    shift = np.asarray(norm.beta) if norm.center else 0.0
    kind, layout = kind_of_keras(layer)
    laid_out = np.moveaxis(layout.to_op(kernel), kind.unit_axis, -1) * scale
    folded = layout.to_keras(np.moveaxis(laid_out, -1, kind.unit_axis), kernel.shape)
    return folded.astype(np.float32), (scale * (bias - np.asarray(norm.moving_mean)) + shift).astype(np.float32)
