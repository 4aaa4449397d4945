"""Models whose trained layers have activations and moves of axes between them: one step is Keras' step."""

import pytest
from keras_step import assert_step_is_keras_step


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(3)


def elu_cnn():
    import keras

    layers = keras.layers
    return keras.Sequential([
        keras.Input((10, 10, 1)),
        layers.Conv2D(4, 3, bias_initializer="normal"), layers.ELU(),
        layers.Conv2D(4, 3, bias_initializer="normal"), layers.ELU(),
        layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(2),
    ])


def eegnet():
    """Convolutions over time and over electrodes, with the axes exchanged between trained layers."""
    import keras

    layers = keras.layers
    return keras.Sequential([
        keras.Input((4, 16, 1)),
        layers.Conv2D(4, (1, 5), padding="same", bias_initializer="normal"),
        layers.DepthwiseConv2D((4, 1), depth_multiplier=2, bias_initializer="normal"), layers.ELU(),
        layers.AveragePooling2D((1, 2)),
        layers.Permute((3, 2, 1)),
        layers.Conv2D(3, (2, 3), bias_initializer="normal", activation="elu"),
        layers.Permute((2, 1, 3)), layers.Flatten(), layers.Dense(3),
    ])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("build", [elu_cnn, eegnet])
def test_elu_and_permute_between_trained_layers(build, batch):
    keras_model = build()
    model = assert_step_is_keras_step(keras_model, batch=batch)
    trained = [layer.name for layer in model.training.layers]
    assert trained == [layer.name for layer in keras_model.layers if layer.weights]


def test_differences_and_quotients_of_branches():
    """(a - c) - b and a / (1 + sigmoid(b)), as functional models have them."""
    import keras

    layers = keras.layers
    x = keras.Input((6,))
    a, b = layers.Dense(5, activation="tanh")(x), layers.Dense(5)(x)
    shifted = layers.Subtract()([keras.ops.subtract(a, 0.25), b])
    gated = keras.ops.divide(a, keras.ops.add(keras.ops.sigmoid(b), 1.0))
    keras_model = keras.Model(x, layers.Dense(2)(layers.Add()([shifted, keras.ops.divide(gated, 3.0)])))
    for batch in (1, 3):
        assert_step_is_keras_step(keras_model, batch=batch)


def test_training_goes_through_a_prelu_whose_alpha_is_frozen():
    import keras

    layers = keras.layers
    keras_model = keras.Sequential([
        keras.Input((6, 6, 2)), layers.Conv2D(3, 3, bias_initializer="normal"),
        layers.PReLU(alpha_initializer="normal", shared_axes=[1, 2]), layers.Conv2D(3, 3),
        layers.PReLU(alpha_initializer="normal"), layers.Flatten(), layers.Dense(2),
    ])
    for layer in keras_model.layers:
        layer.trainable = not isinstance(layer, layers.PReLU)
    model = assert_step_is_keras_step(keras_model)
    assert "PRELU" in [op.kind for op in model.graph.ops]
