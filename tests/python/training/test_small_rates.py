"""Fine-tuning with small learning rates: a step in the interpreter changes weights by rate times gradient on large maps, too.

The criterion is that of tests/python/core/test_small_changes.py: within 1 % over a whole tensor, and half an ulp of each weight.
"""

import numpy as np
import pytest

import tflm_tinyprop as tp

RATES = (1e-4, 1e-5, 1e-6)


def small_layers():
    from keras import layers

    options = dict(padding="same", bias_initializer="ones")
    return {
        "convolution": ((96, 96, 1), layers.Conv2D(2, 3, kernel_initializer="ones", **options)),
        "depthwise": ((96, 96, 1), layers.DepthwiseConv2D(3, depthwise_initializer="ones", **options)),
        "transposed": ((48, 48, 1), layers.Conv2DTranspose(2, 3, strides=2, kernel_initializer="ones", **options)),
        "dense on positions": ((96, 96, 3), layers.Dense(2, kernel_initializer="ones", bias_initializer="ones")),
    }


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kind", ["convolution", "depthwise", "transposed", "dense on positions"])
def test_a_step_is_rate_times_gradient(kind, batch):
    import keras
    import tensorflow as tf

    shape, layer = small_layers()[kind]
    inputs = keras.Input(shape)
    keras_model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(layer(inputs)))
    x = np.random.default_rng(3).uniform(0.5, 1.5, (batch, *shape)).astype(np.float32)
    trainer = tp.Trainer(tp.convert(keras_model, loss="mse", config=tp.TinyPropConfig.full(), batch_size=batch))
    y = trainer.predict(x) - np.float32(0.5)
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(y, keras_model(x))
    gradients = [g.numpy().astype(np.float64) for g in tape.gradient(loss, keras_model.trainable_variables)]
    for rate in RATES:
        trainer.reset()
        trainer.train_on_batch(x, y, learning_rate=rate)
        tuned = trainer.to_keras().trainable_variables
        for old, new, gradient in zip(keras_model.trainable_variables, tuned, gradients, strict=True):
            new = new.numpy()
            error = np.linalg.norm(new - old.numpy().astype(np.float64) + rate * gradient)
            rounding = np.linalg.norm(np.spacing(np.abs(new)).astype(np.float64) / 2)
            assert error <= 0.01 * rate * np.linalg.norm(gradient) + rounding, (old.path, rate)
