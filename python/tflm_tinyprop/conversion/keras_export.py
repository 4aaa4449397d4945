"""Trained weights back into a Keras model."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from tflm_tinyprop.conversion.keras_weights import KerasWeight, WeightPart, find_part, keras_weights
from tflm_tinyprop.conversion.layer_kinds import layouts_of
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables
from tflm_tinyprop.format.graph import Graph
from tflm_tinyprop.format.metadata import LayerRecord, TrainingMetadata, VariableRecord


def to_keras(graph: Graph, training: TrainingMetadata, values: list[np.ndarray], keras_model):
    """A copy of keras_model in which the trained layers have `values`; the original is not changed.

    Weights are found by the names that import_keras gave their constants, 'layer/weight'. graph, training: of the trainable
    model. values: as Trainer holds them, in the order of training.variables.
    """
    if keras_model is None:
        raise ModelError(
            "this model was not converted from Keras in this process; pass the architecture: to_keras(keras_model)"
        )
    _check_unchanged(training)
    copy = copy_model(keras_model)
    weights = {weight.name: weight for weight in keras_weights(copy)}
    for record, value in zip(training.variables, values, strict=True):
        if record.role == metadata.STATE:
            continue
        layer = training.layers[record.layer - 1]
        weight, part = _find(weights, graph, layer, record)
        _assign(weight, part, layer, record, graph.ops[layer.operator].kind, value)
    return copy


def copy_model(model):
    """A copy of a Keras model with everything that a layer saves: weights, and the state that is no weight.

    (clone_model() and set_weights() leave out what a layer derives from its weights, such as the mean and variance that a
    Normalization uses.)
    """
    import keras

    try:
        copy = keras.models.clone_model(model)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise ModelError(
            f"Keras model '{model.name}' cannot be copied ({error}); only Sequential and functional models "
            "whose layers have get_config() can be"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.weights.h5")
        model.save_weights(path)
        copy.load_weights(path)
    return copy


def _check_unchanged(training: TrainingMetadata) -> None:
    """Only a layer into which nothing was folded has weights that a Keras layer can take."""
    folded = [l.name for l in training.layers if l.is_trained and not l.flags & tables.KERAS_LAYER]
    if folded:
        raise ModelError(
            f"the trained weights of {', '.join(folded)} do not map to Keras layers: a batch normalisation is folded "
            "into them, or the model was made from a .tflite. to_tflite() gives the tuned model all the same; "
            "convert(..., batch_norm=\"keep\") folds nothing"
        )


def _find(weights: dict[str, KerasWeight], graph: Graph, layer: LayerRecord,
          record: VariableRecord) -> tuple[KerasWeight, WeightPart]:
    # Files of before weights had names of their own say the layer's name and no more.
    role = metadata.ROLES[record.role]
    names = (graph.tensors[record.initial].name, f"{layer.name}/{role}")
    found = next((f for f in (find_part(weights, name) for name in names) if f), None)
    if found is None:
        layers = dict.fromkeys(weight.layer for weight in weights.values())
        if layer.name in layers:
            raise ModelError(f"layer '{layer.name}' of the Keras model has no {role}")
        raise ModelError(f"the Keras model has no layer '{layer.name}'; its layers are {', '.join(layers)}")
    return found


def _assign(weight: KerasWeight, part: WeightPart, layer: LayerRecord, record: VariableRecord, kind: str,
            value: np.ndarray) -> None:
    if record.role == metadata.KERNEL:
        candidates = (layout.to_keras(value, part.shape) for layout in layouts_of(len(part.shape), kind))
        converted = next((values for values in candidates if values is not None), None)
    else:
        converted = value.reshape(part.shape) if value.size == part.positions.size else None
    if converted is None:
        raise ModelError(
            f"the {metadata.ROLES[record.role]} of layer '{layer.name}' has shape {part.shape} in Keras, which does not "
            f"fit {value.shape} in the trained model"
        )
    values = np.asarray(weight.variable).copy()
    values[part.box] = converted
    weight.variable.assign(values)
