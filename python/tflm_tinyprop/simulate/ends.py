"""The activation that a Keras model ends in, which belongs to a cross entropy."""

from __future__ import annotations

import keras

from tflm_tinyprop.conversion.layer_kinds import keras_kinds
from tflm_tinyprop.conversion.losses import ACTIVATIONS, Loss, advice_on, check_classes, missing_activation
from tflm_tinyprop.errors import ModelError


def last_layer(functional):
    return functional.outputs[0]._keras_history.operation


def check(functional, loss: Loss) -> str | None:
    """"softmax" or "sigmoid" if the loss is taken in front of it, else None. Raises ModelError as convert() does."""
    shape, name = functional.outputs[0].shape, last_layer(functional).name
    if not loss.kind.is_cross_entropy:
        return None
    end, wanted = _activation(last_layer(functional)), ACTIVATIONS[loss.kind.passes_over]
    if end not in (None, wanted):
        raise ModelError(f"loss {loss.name} cannot be taken on output '{name}' of a {end}: {advice_on(end, shape)}")
    if end is None and loss.from_logits is False:
        raise ModelError(missing_activation(loss, name))
    check_classes(loss, name, tuple(shape))
    return end


def _activation(layer) -> str | None:
    if isinstance(layer, keras.layers.Softmax):
        return "softmax" if layer.axis == -1 else None
    if not isinstance(layer, (keras.layers.Activation, *(getattr(keras.layers, name) for name in keras_kinds()))):
        return None
    for known in (keras.activations.softmax, keras.activations.sigmoid):
        if layer.activation is known:
            return known.__name__
    return None
