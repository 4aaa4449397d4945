"""Trained weights back into a Keras model."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.keras_import import flat_layers
from tflm_tinyprop.conversion.layer_kinds import kind_of_keras, layouts_of
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables
from tflm_tinyprop.format.metadata import TrainingMetadata


def to_keras(training: TrainingMetadata, values: list[np.ndarray], keras_model):
    """A copy of keras_model in which the trained layers have `values`; the original is not changed.

    Layers are found by name. training: of the trainable model. values: as Trainer holds them, in the order of
    training.variables.
    """
    import keras

    if keras_model is None:
        raise ModelError(
            "this model was not converted from Keras in this process; pass the architecture: to_keras(keras_model)"
        )
    copy = keras.models.clone_model(keras_model)
    copy.set_weights(keras_model.get_weights())
    layers = {layer.name: layer for layer in flat_layers(copy)}
    _check_unchanged(training)
    for record, value in zip(training.variables, values, strict=True):
        if record.role == metadata.STATE:
            continue
        name = training.layers[record.layer - 1].name
        _assign(layers, name, record.role, value)
    return copy


def _check_unchanged(training: TrainingMetadata) -> None:
    """Only a layer into which nothing was folded has weights that a Keras layer can take."""
    folded = [l.name for l in training.layers if l.is_trained and not l.flags & tables.KERAS_LAYER]
    if folded:
        raise ModelError(
            f"the trained weights of {', '.join(folded)} do not map to Keras layers: a batch normalisation is folded "
            "into them, or the model was made from a .tflite. to_tflite() gives the tuned model all the same"
        )


def _assign(layers: dict, name: str, role: int, value: np.ndarray) -> None:
    if name not in layers:
        raise ModelError(f"the Keras model has no layer '{name}'; its layers are {', '.join(layers)}")
    kernels = [w for w in layers[name].weights if len(w.shape) > 1]
    variable = (kernels[0] if kernels else None) if role == metadata.KERNEL else getattr(layers[name], "bias", None)
    if variable is None:
        raise ModelError(f"layer '{name}' of the Keras model has no {metadata.ROLES[role]}")
    converted = _to_keras_layout(layers[name], value, tuple(variable.shape)) if role == metadata.KERNEL else value
    if converted is None or tuple(variable.shape) != converted.shape:
        raise ModelError(
            f"the {metadata.ROLES[role]} of layer '{name}' has shape {tuple(variable.shape)} in Keras, which does not "
            f"fit {value.shape} in the trained model"
        )
    variable.assign(converted)


def _to_keras_layout(layer, kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The kernel as the Keras layer holds it, or None if it does not fit."""
    known = kind_of_keras(layer)
    layouts = [known[1]] if known else layouts_of(len(shape))
    found = (layout.to_keras(kernel, shape) for layout in layouts)
    return next((values for values in found if values is not None), None)
