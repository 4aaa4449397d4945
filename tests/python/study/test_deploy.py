"""Folding batch normalisations changes no prediction."""

import numpy as np
import pytest

from tflm_tinyprop.models import zoo
from tflm_tinyprop.study.deploy import deployed


def unsettled(model, seed=0):
    """With batch normalisations as after a training: none of their weights is what it began with."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def sequential():
    from keras import Input, Sequential, layers

    return Sequential([
        Input((9, 9, 2)), layers.Conv2D(4, 3), layers.BatchNormalization(scale=False), layers.ReLU(),
        layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False), layers.BatchNormalization(), layers.Dropout(0.5),
        layers.Flatten(), layers.Dense(5, use_bias=False), layers.BatchNormalization(center=False), layers.Dense(3)])


def conv1d():
    from keras import Input, Sequential, layers

    return Sequential([Input((20, 3)), layers.Conv1D(4, 3, use_bias=False), layers.BatchNormalization(),
                       layers.GlobalAveragePooling1D(), layers.Dense(3)])


@pytest.mark.parametrize("make", [sequential, conv1d, zoo.ds_cnn, zoo.resnet8, lambda: zoo.autoencoder(40, 16, 4)])
def test_predictions_stay(make):
    import keras

    keras.utils.set_random_seed(1)
    model = unsettled(make())
    before = [w.copy() for w in model.get_weights()]
    copy = deployed(model)
    kinds = {type(layer).__name__ for layer in copy.layers}
    assert not kinds & {"BatchNormalization", "Dropout"}
    x = np.random.default_rng(2).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    expected, found = model(x, training=False).numpy(), copy(x, training=False).numpy()
    assert found == pytest.approx(expected, abs=1e-5 * max(1.0, float(np.abs(expected).max())))
    assert copy(x, training=True).numpy() == pytest.approx(found, abs=1e-6)  # nothing is left that trains differently
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_what_cannot_be_folded_stays():
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    shared = layers.Dense(5, name="shared")(inputs)  # something else reads it too
    both = layers.Add()([layers.BatchNormalization(name="norm")(shared), shared])
    behind_relu = layers.BatchNormalization(name="late")(layers.Dense(4, activation="relu")(both))
    model = unsettled(keras.Model(inputs, behind_relu))
    copy = deployed(model)
    assert {layer.name for layer in copy.layers if isinstance(layer, layers.BatchNormalization)} == {"norm", "late"}
    x = np.random.default_rng(2).normal(size=(8, 6)).astype(np.float32)
    assert copy(x).numpy() == pytest.approx(model(x).numpy(), abs=1e-5)
