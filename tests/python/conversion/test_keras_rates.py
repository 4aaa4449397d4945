"""Constants of other layers in front of and behind trained ones: a step is Keras' step, whatever they are."""

import numpy as np
import pytest
from keras_step import assert_step_is_keras_step

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.pipeline import read_source

NORM = ("gamma", "beta")


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(4)


def sequential(shape, *layers, scale: float = 1.0):
    """With batch normalisations that have seen data, and have learnt."""
    import keras

    model = keras.Sequential([keras.Input(shape), *layers])
    generator = np.random.default_rng(6)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model((scale * generator.normal(1, 1, size=(32, *shape))).astype(np.float32), training=True)
    for variable in model.variables:
        if variable.name in ("gamma", "beta", "bias"):
            variable.assign(variable + generator.uniform(-0.3, 0.3, variable.shape))
    return model


def kernels(source):
    return {tensor.name: tensor.array() for tensor in source.graph.tensors if tensor.is_constant}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("offset", [0.0, -1.0])
def test_a_rescaling_in_front(offset, batch):
    """Folded into the first kernel, 1 / 255 would multiply that layer's rate by 65,025."""
    from keras import layers

    model = sequential((9, 9, 2), layers.Rescaling(1 / 255, offset=offset), layers.Conv2D(3, 3, activation="relu"),
                       layers.GlobalAveragePooling2D(), layers.Dense(2))
    assert_step_is_keras_step(model, batch=batch, scale=255.0)
    dense = sequential((6,), layers.Rescaling(1 / 255, offset=offset), layers.Dense(5, activation="tanh"), layers.Dense(2))
    assert_step_is_keras_step(dense, batch=batch, scale=255.0)


def test_an_adapted_normalisation_in_front():
    from keras import layers

    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(5, 30, (200, 6)).astype(np.float32))
    assert_step_is_keras_step(sequential((6,), norm, layers.Dense(5, activation="tanh"), layers.Dense(2)), scale=30.0)


def test_a_rescaling_behind_and_activations_with_constants():
    from keras import layers

    model = sequential((6,), layers.Dense(5, activation="hard_swish"), layers.Dense(4, activation="hard_sigmoid"),
                       layers.Dense(2), layers.Rescaling(0.5, offset=3.0))
    assert_step_is_keras_step(model)


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_normalisations_that_are_kept(batch):
    from keras import layers

    model = sequential((8, 8, 2), layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU(),
                       layers.DepthwiseConv2D(3), layers.BatchNormalization(scale=False), layers.ReLU(6.0),
                       layers.BatchNormalization(), layers.Conv2D(4, 1), layers.GlobalAveragePooling2D(),
                       layers.Dense(3), layers.BatchNormalization(center=False), layers.Dense(2))
    converted = assert_step_is_keras_step(model, batch=batch, frozen=NORM, batch_norm="keep")
    assert all(layer.flags & 8 for layer in converted.training.layers)


def test_a_batch_normalisation_behind_an_activation_is_trained_through():
    """It cannot be folded, and is a product and a sum, as in a .tflite."""
    from keras import layers

    model = sequential((8, 8, 2), layers.Conv2D(4, 3, activation="relu", name="first"), layers.BatchNormalization(),
                       layers.ReLU(), layers.Conv2D(4, 3, name="second"), layers.GlobalAveragePooling2D(), layers.Dense(2))
    for batch_norm in ("fold", "keep"):
        converted = assert_step_is_keras_step(model, frozen=NORM, batch_norm=batch_norm)
        assert [layer.name for layer in converted.training.layers][:2] == ["first", "second"]


def test_folding_is_the_equation():
    """W' = s W, b' = s (b - mean) + beta, s = gamma / sqrt(variance + epsilon); only directly behind a linear layer."""
    from keras import layers

    model = sequential((8, 8, 2), layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.ReLU(),
                       layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, name="depthwise"),
                       layers.BatchNormalization(), layers.Flatten(),
                       layers.Dense(3, activation="relu", name="dense"), layers.BatchNormalization())
    source = read_source(model)
    found = kernels(source)
    for name, norm, axes in (("conv", 1, (3, 0, 1, 2)), ("depthwise", 4, None)):
        layer = model.get_layer(name)
        gamma, beta, mean, variance = (np.float64(w) for w in model.layers[norm].get_weights())
        scale = gamma / np.sqrt(variance + model.layers[norm].epsilon)
        bias = np.float64(layer.bias) if layer.use_bias else 0.0
        kernel = np.asarray(layer.kernel, np.float64)
        kernel = kernel.transpose(axes) * scale[:, None, None, None] if axes else kernel.reshape(1, 3, 3, 8) * scale
        np.testing.assert_allclose(found[f"{name}/kernel"], kernel, rtol=1e-5)
        np.testing.assert_allclose(found[f"{name}/bias"], scale * (bias - mean) + beta, rtol=1e-4, atol=1e-6)
    assert source.unchanged == {"dense"}
    np.testing.assert_array_equal(found["dense/kernel"], np.asarray(model.get_layer("dense").kernel).T)


def test_a_layer_called_twice_keeps_its_kernel_in_front_of_two_normalisations():
    import keras
    from keras import layers

    x = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    y = layers.BatchNormalization()(shared(layers.BatchNormalization()(shared(x))))
    source = read_source(keras.Model(x, layers.Dense(2, name="head")(y)))
    assert source.unchanged == {"shared", "head"}
    assert [op.kind for op in source.graph.ops] == ["FULLY_CONNECTED", "MUL", "ADD", "FULLY_CONNECTED", "MUL", "ADD",
                                                    "FULLY_CONNECTED"]


def test_dense_layers_with_trained_batch_normalisations():
    """As the anomaly detection of MLPerf Tiny (ad01.h5): Dense, BatchNormalization, ReLU; all layers train."""
    from keras import layers

    blocks = [layer for units in (16, 4, 16)
              for layer in (layers.Dense(units), layers.BatchNormalization(), layers.ReLU())]
    model = sequential((12,), *blocks, layers.Dense(12))
    x = np.random.default_rng(8).normal(1, 1, (64, 12)).astype(np.float32)
    kept = assert_step_is_keras_step(model, frozen=NORM, batch_norm="keep", rate=0.5)
    for converted in (kept, tp.convert(model, loss="mse", config=tp.TinyPropConfig.full())):
        assert sum(layer.is_trained for layer in converted.training.layers) == 4
        history = tp.Trainer(converted).fit(x, x, epochs=4, learning_rate=0.01, verbose=False).history
        assert history["loss"][-1] < 0.9 * history["loss"][0], history["loss"]


def test_a_nested_application_with_a_rescaling_in_front():
    """What transfer learning looks like: keras.applications in a model of one's own."""
    import keras
    from keras import layers

    base = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    generator = np.random.default_rng(7)
    for variable in base.variables:
        if variable.name == "moving_variance":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    x = keras.Input((32, 32, 3))
    y = layers.GlobalAveragePooling2D()(base(layers.Rescaling(1 / 127.5, offset=-1.0)(x)))
    model = keras.Model(x, layers.Dense(3, name="head")(y))
    trained = ["Conv1", "block_15_project", "block_16_expand", "head"]
    converted = tp.convert(model, loss="mse", batch_norm="keep", trainable_layers=trained, config=tp.TinyPropConfig.full())
    assert [layer.name for layer in converted.training.layers if layer.is_trained] == trained
    assert_trained_step(model, converted, trained, scale=100.0)


def assert_trained_step(model, converted, trained, scale):
    import keras
    import tensorflow as tf

    generator = np.random.default_rng(9)
    x = generator.uniform(0, 2 * scale, (1, *model.input_shape[1:])).astype(np.float32)
    y = generator.normal(size=(1, *model.output_shape[1:])).astype(np.float32)
    layers = {layer.name: layer for part in (model, *model.layers) if isinstance(part, keras.Model) for layer in part.layers}
    variables = [v for name in trained for v in layers[name].trainable_variables]
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(y, model(x, training=False))
    gradients = tape.gradient(loss, variables)
    trainer = tp.Trainer(converted)
    trainer.train_on_batch(x, y, learning_rate=1.0)
    copies = {variable.path: variable for variable in trainer.to_keras().variables}
    for variable, gradient in zip(variables, gradients, strict=True):
        expected = np.asarray(tf.convert_to_tensor(gradient))
        change = np.asarray(variable) - np.asarray(copies[variable.path])
        tolerance = 2e-3 * np.abs(expected).max() + 2.0**-22 * np.abs(np.asarray(variable)).max()
        assert np.abs(expected).max() > 0 and np.abs(change - expected).max() <= tolerance, variable.path
