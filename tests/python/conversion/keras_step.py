"""One full step in the interpreter against the step that Keras' SGD takes on the same samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import tflm_tinyprop as tp

RATE = 4.0  # large, because what is compared is the difference of float32 weights


def assert_step_is_keras_step(keras_model, *, batch: int = 1, seed: int = 0, scale: float = 1.0, rate: float = RATE,
                              frozen: Sequence[str] = (), **options) -> tp.TrainableModel:
    """Checks prediction and every weight's change with mean squared error; gives the trainable model.

    scale: of the inputs. frozen: names of weights that Keras would train and the converted model does not.
    """
    import keras
    import tensorflow as tf

    print(f"seed {seed}")
    generator = np.random.default_rng(seed)
    x = (scale * generator.normal(size=(batch, *keras_model.input_shape[1:]))).astype(np.float32)
    y = generator.normal(size=(batch, *keras_model.output_shape[1:])).astype(np.float32)
    model = tp.convert(keras_model, loss="mse", config=tp.TinyPropConfig.full(), batch_size=batch, **options)
    trainer = tp.Trainer(model)
    np.testing.assert_allclose(trainer.predict(x), keras_model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    variables = [v for v in keras_model.trainable_variables if v.name not in frozen]
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(y, keras_model(x))
    gradients = tape.gradient(loss, variables)
    trainer.train_on_batch(x, y, learning_rate=rate)
    tuned = {weight.path: weight.numpy() for weight in trainer.to_keras().weights}
    for weight, gradient in zip(variables, gradients, strict=True):
        change = (weight.numpy() - tuned[weight.path]) / rate
        expected = tf.convert_to_tensor(gradient).numpy()
        tolerance = 1e-4 * np.abs(expected).max() + 2.0**-22 * max(np.abs(weight.numpy()).max(), 1e-3) / rate
        np.testing.assert_allclose(change, expected, rtol=0, atol=tolerance, err_msg=weight.path)
        assert np.abs(expected).max() > 0, f"{weight.path} has no gradient to compare"
    return model
