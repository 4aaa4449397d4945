"""Transposed convolutions from Keras to the interpreter and back, and in the simulation."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.simulate import TinyPropSimulation

SEED = 11


def upsampler(padding: str, activation: str | None, use_bias: bool, biases: str = "zeros"):
    """A decoder: 5 x 4 x 3 -> dense features, both transposed convolutions trained."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(SEED)
    return keras.Sequential([
        keras.Input((5, 4, 3)),
        layers.Conv2DTranspose(4, (3, 2), strides=(2, 3), padding=padding, activation="relu", bias_initializer="normal",
                               name="first"),
        layers.Conv2DTranspose(2, (2, 4), strides=(1, 2), padding=padding, activation=activation, use_bias=use_bias,
                               bias_initializer=biases, name="second"),
    ], name="upsampler")


CASES = [("same", None, True, "zeros"), ("same", "relu", True, "normal"), ("valid", "relu6", False, "zeros"),
         ("valid", None, True, "normal")]


@pytest.fixture(params=CASES, ids=lambda c: "-".join(map(str, c)))
def keras_model(request):
    return upsampler(*request.param)


def samples(keras_model, count: int):
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(count, 5, 4, 3)).astype(np.float32)
    return x, generator.normal(size=(count, *keras_model.output_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_full_step_is_a_step_of_keras(keras_model, batch):
    import keras
    import tensorflow as tf

    model = tp.convert(keras_model, loss="mse", config=tp.TinyPropConfig.full(), batch_size=batch)
    x, y = samples(keras_model, batch)
    trainer = tp.Trainer(model)
    np.testing.assert_allclose(trainer.predict(x), keras_model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    rate = 8.0  # large, because what is compared is the difference of float32 weights
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(y, keras_model(x))
    gradients = tape.gradient(loss, keras_model.trainable_variables)
    trainer.train_on_batch(x, y, learning_rate=rate)
    tuned = trainer.to_keras()
    for before, after, gradient in zip(keras_model.trainable_variables, tuned.trainable_variables, gradients, strict=True):
        change = (before.numpy() - after.numpy()) / rate
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(change, gradient, rtol=0, atol=1e-4 * scale + 1e-6, err_msg=before.path)


def test_effort_is_counted_as_the_op_counts_it():
    model = tp.convert(upsampler("same", None, True), loss="mse", config=tp.TinyPropConfig.full())
    first, second = model.training.layers
    # 5 x 4 inputs, 3 x 2 taps of 3 channels; 10 x 12 outputs.
    assert first.gradients == 10 * 12 * 4 and first.update_macs == round(5 * 4 * 3 * 2 * 3 / (10 * 12))
    assert second.gradients == 10 * 24 * 2 and second.hand_down_macs == round(10 * 12 * 2 * 4 * 4 / (10 * 24))
    assert model.training.forward_macs == 5 * 4 * 3 * 2 * 3 * 4 + 10 * 12 * 2 * 4 * 4 * 2
    x, y = samples(upsampler("same", None, True), 1)
    recorder = tp.StepRecorder()
    tp.Trainer(model).fit(x, y, callbacks=[recorder], verbose=False)
    assert recorder.macs[0] == model.training.backward_macs


def test_one_dimension_and_frozen_below():
    import keras

    keras.utils.set_random_seed(SEED)
    keras_model = keras.Sequential([
        keras.Input((6, 3)),
        keras.layers.Conv1DTranspose(4, 3, strides=2, name="up"),
        keras.layers.Conv1DTranspose(2, 2, padding="same", name="again"),
    ])
    model = tp.convert(keras_model, loss="mse", trainable_layers=1, config=tp.TinyPropConfig.full())
    assert [layer.name for layer in model.training.layers] == ["again"]
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(8, 6, 3)).astype(np.float32)
    y = generator.normal(size=(8, *keras_model.output_shape[1:])).astype(np.float32)
    trainer = tp.Trainer(model)
    before = trainer.evaluate(x, y)["loss"]
    trainer.fit(x, y, epochs=20, learning_rate=0.05, seed=0, verbose=False)
    assert trainer.evaluate(x, y)["loss"] < 0.9 * before
    np.testing.assert_allclose(trainer.to_keras().predict(x, verbose=0), trainer.predict(x), rtol=1e-4, atol=1e-5)


def test_a_sparse_training_follows_the_simulation():
    import keras

    config = tp.TinyPropConfig.v2(s_min=0.2, s_max=0.6, d_max=1.0)
    keras_model = upsampler("same", "relu", True, "normal")
    x, y = samples(keras_model, 40)
    trainer, recorder = tp.Trainer(tp.convert(keras_model, loss="mse", config=config)), tp.StepRecorder()
    trainer.fit(x, y, learning_rate=0.05, shuffle=False, callbacks=[recorder], verbose=False)
    simulation = TinyPropSimulation(keras_model, config, loss="mse")
    simulation.compile(keras.optimizers.SGD(0.05))
    record = simulation.train_steps(x, y, np.full(40, 0.05))
    assert (record.status == recorder.status[:, 0]).all()
    assert (np.abs(record.gradients_kept - recorder.gradients_kept[:, :, 0]) <= 1).all()
    tuned, expected = trainer.to_keras(), simulation.trained_model()
    for ours, theirs in zip(tuned.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)
