"""Keras models whose layers become ops that take parts, put together, repeat and reduce: a step is a step of Keras."""

import numpy as np
import pytest

import tflm_tinyprop as tp

SEED = 5
RATE = 4.0  # large, because what is compared is the difference of float32 weights


def autoencoder(layers):
    """Down, up, and a shortcut past both."""
    x = layers.Input((8, 8, 2))
    high = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    low = layers.Conv2D(6, 3, padding="same", activation="tanh")(layers.AveragePooling2D(2)(high))
    up = layers.Concatenate()([layers.UpSampling2D(2)(low), high])
    return x, layers.Conv2D(2, 3, padding="same")(up)


def bilinear_decoder(layers):
    x = layers.Input((4, 3, 2))
    up = layers.UpSampling2D((2, 3), interpolation="bilinear")(layers.Conv2D(3, 3, padding="same", activation="tanh")(x))
    return x, layers.Conv2D(2, 3)(up)


def decoder_1d(layers):
    x = layers.Input((5, 3))
    up = layers.UpSampling1D(3)(layers.Conv1D(4, 3, padding="same", activation="tanh")(x))
    return x, layers.Conv1D(2, 3)(layers.Cropping1D((1, 2))(up))


def repeated(layers):
    x = layers.Input((6,))
    return x, layers.Conv1D(2, 3)(layers.RepeatVector(5)(layers.Dense(3, activation="tanh")(x)))


def largest_of_a_map(layers):
    x = layers.Input((6, 6, 2))
    return x, layers.Dense(3)(layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(x)))


def largest_of_a_sequence(layers):
    x = layers.Input((9, 3))
    y = layers.Conv1D(5, 3, activation="relu")(layers.Conv1D(4, 3, padding="causal", activation="tanh")(x))
    return x, layers.Dense(3)(layers.GlobalMaxPooling1D()(y))


def shuffled_channels(layers):
    """ShuffleNet's: half of the channels pass, the others go through a convolution; then the halves are interleaved."""
    from keras import ops

    x = layers.Input((6, 6, 3))
    left, right = ops.split(layers.Conv2D(4, 3, padding="same", activation="tanh")(x), 2, axis=-1)
    right = layers.Conv2D(2, 3, padding="same", activation="tanh")(right)
    y = layers.Reshape((6, 6, 2, 2))(layers.Concatenate()([left, right]))
    y = layers.Reshape((6, 6, 4))(layers.Permute((1, 2, 4, 3))(y))
    return x, layers.Dense(2)(layers.Flatten()(layers.Conv2D(3, 3)(y)))


def one_half_only(layers):
    """Nobody looks at the other parts of the split."""
    from keras import ops

    x = layers.Input((7, 3))
    parts = ops.split(layers.Conv1D(6, 3, activation="tanh")(x), 3, axis=-1)
    return x, layers.Conv1D(2, 3)(parts[1])


def sliced(layers):
    x = layers.Input((8, 8, 2))
    y = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    y = layers.Conv2D(3, 2)(layers.Cropping2D(((1, 0), (0, 1)))(y)[:, ::-1, ::2, 1:])
    return x, layers.Dense(2)(y[:, -1, :, :])


def attention(layers):
    x = layers.Input((6, 4))
    y = layers.Dense(4, activation="tanh")(x)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 3)(y, y)])
    return x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y))


def normalised(layers):
    """The scales and shifts of the normalisations stay frozen."""
    x = layers.Input((6, 4))
    y = layers.LayerNormalization(trainable=False)(layers.Dense(5, activation="tanh")(x))
    y = layers.UnitNormalization()(layers.Dense(4)(y))
    return x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y))


def activations(layers):
    """Those that TensorFlow makes of several ops."""
    x = layers.Input((6,))
    y = [layers.Dense(4, activation=name)(x) for name in ("selu", "mish", "squareplus", "silu")]
    y += [layers.ReLU(max_value=0.5, threshold=0.1)(layers.Dense(4)(x))]
    return x, layers.Dense(2)(layers.Concatenate()(y))


def chosen_elements(layers):
    from keras import ops

    x = layers.Input((6, 4))
    y, z = layers.Dense(5)(x), layers.Dense(5)(x)
    y = layers.Minimum()([layers.Maximum()([y, z]), layers.Dense(5)(x)])
    y = ops.flip(ops.take(y, [0, 3, 3], axis=1), axis=2)
    return x, layers.Dense(2)(layers.Flatten()(layers.Conv1D(3, 2)(y)))


MODELS = [autoencoder, bilinear_decoder, decoder_1d, repeated, largest_of_a_map, largest_of_a_sequence, shuffled_channels,
          one_half_only, sliced, normalised, activations, chosen_elements]


def built(model):
    import keras

    keras.utils.set_random_seed(SEED)
    keras_model = keras.Model(*model(keras.layers), name=model.__name__)
    for weight in keras_model.weights:  # no bias of zeros, which the converter would drop
        if weight.path.endswith("bias"):
            weight.assign(np.random.default_rng(SEED).normal(size=weight.shape) * 0.1)
    return keras_model


def samples(keras_model, batch: int):
    print(f"seed {SEED}")
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(batch, *keras_model.input_shape[1:])).astype(np.float32)
    return x, generator.normal(size=(batch, *keras_model.output_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_full_step_is_a_step_of_keras(model, batch):
    import keras

    keras_model = built(model)
    x, y = samples(keras_model, batch)
    trainable = tp.convert(keras_model, loss="mse", config=tp.TinyPropConfig.full(), batch_size=batch)
    trainer = tp.Trainer(trainable)
    np.testing.assert_allclose(trainer.predict(x), keras_model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    before = keras_model.get_weights()
    trainer.train_on_batch(x, y, learning_rate=RATE)
    keras_model.compile(keras.optimizers.SGD(RATE), loss="mse")
    keras_model.train_on_batch(x, y)
    for weight, old, ours in zip(keras_model.weights, before, trainer.to_keras().get_weights(), strict=True):
        expected, change = weight.numpy() - old, ours - old
        scale = np.abs(expected).max()
        assert scale > 0 or not weight.trainable, weight.path
        np.testing.assert_allclose(change, expected, rtol=0, atol=1e-4 * scale + 1e-6, err_msg=weight.path)


def test_attention_trains_as_in_keras():
    """Its kernels have three dimensions in Keras, so that what is compared is what the models predict after the steps."""
    import keras

    keras_model = built(attention)
    x, y = samples(keras_model, 1)
    trainer = tp.Trainer(tp.convert(keras_model, loss="mse", config=tp.TinyPropConfig.full()))
    before = trainer.predict(x)
    keras_model.compile(keras.optimizers.SGD(0.1), loss="mse")
    for _ in range(3):
        trainer.train_on_batch(x, y, learning_rate=0.1)
        keras_model.train_on_batch(x, y)
    after = keras_model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(trainer.predict(x), after, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_a_text_classifier_with_an_embedding(dtype):
    """Words as whole numbers, also in Keras' default type of inputs; the embedding's table stays frozen."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(SEED)
    keras_model = keras.Sequential([
        keras.Input((12,), dtype=dtype), layers.Embedding(20, 6, trainable=False),
        layers.Conv1D(8, 3, activation="relu", bias_initializer="normal", name="conv"), layers.GlobalMaxPooling1D(),
        layers.Dense(4, bias_initializer="normal", name="head"),
    ])
    generator = np.random.default_rng(SEED)
    x = generator.integers(0, 20, (1, 12)).astype(dtype)
    y = np.array([2])
    trainer = tp.Trainer(tp.convert(keras_model, config=tp.TinyPropConfig.full()))
    assert [layer.name for layer in trainer.model.training.layers] == ["conv", "head"]
    np.testing.assert_allclose(trainer.predict(x), keras_model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    before = keras_model.get_weights()
    trainer.train_on_batch(x, y, learning_rate=RATE)
    keras_model.compile(keras.optimizers.SGD(RATE), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    keras_model.train_on_batch(x, y)
    assert np.abs(keras_model.get_weights()[1] - before[1]).max() > 0.01
    for weight, ours in zip(keras_model.weights, trainer.to_keras().get_weights(), strict=True):
        np.testing.assert_allclose(ours, weight.numpy(), rtol=0, atol=2e-5, err_msg=weight.path)
