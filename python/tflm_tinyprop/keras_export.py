"""Trained weights back into a Keras model."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop import metadata
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.keras_import import flat_layers
from tflm_tinyprop.model import TrainableModel


def to_keras(model: TrainableModel, values: list[np.ndarray], keras_model):
    """A copy of keras_model in which the trained layers have `values`; the original is not changed.

    Layers are found by name. values: as Trainer holds them, in the order of training.variables.
    """
    import keras

    if keras_model is None:
        raise ModelError(
            "this model was not converted from Keras in this process; pass the architecture: to_keras(keras_model)"
        )
    copy = keras.models.clone_model(keras_model)
    copy.set_weights(keras_model.get_weights())
    layers = {layer.name: layer for layer in flat_layers(copy)}
    for record, value in zip(model.training.variables, values, strict=True):
        if record.role == metadata.STATE:
            continue
        name = model.training.layers[record.layer - 1].name
        _assign(layers, name, metadata.ROLES[record.role], value)
    return copy


def _assign(layers: dict, name: str, role: str, value: np.ndarray) -> None:
    if name not in layers:
        raise ModelError(f"the Keras model has no layer '{name}'; its layers are {', '.join(layers)}")
    variable = getattr(layers[name], role, None)
    if variable is None:
        raise ModelError(f"layer '{name}' of the Keras model has no {role}")
    converted = value.T if role == "kernel" else value  # TFLite: [units, inputs], Keras: [inputs, units]
    if tuple(variable.shape) != converted.shape:
        raise ModelError(
            f"the {role} of layer '{name}' has shape {tuple(variable.shape)} in Keras and {converted.shape} in the trained model"
        )
    variable.assign(converted)

