"""Layers of every kind from Keras: the converted model computes what Keras computes, and every weight keeps its name."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.keras_export import copy_model
from tflm_tinyprop.conversion.keras_weights import find_part, keras_weights, part_of
from tflm_tinyprop.conversion.pipeline import read_source
from tflm_tinyprop.errors import ConfigError, ModelError

BATCH = 2


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def adapted(keras, shape):
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(3, 2, (100, *shape)).astype(np.float32))
    return layer


def two_matrices(keras):
    class TwoMatrices(keras.layers.Layer):
        """y = relu(x V + c) W + b, all four its own."""

        def build(self, shape):
            self.b = self.add_weight(shape=(4,), name="b")
            self.w = self.add_weight(shape=(3, 4), name="w")
            self.v = self.add_weight(shape=(shape[-1], 3), name="v")
            self.c = self.add_weight(shape=(3,), name="c")

        def call(self, x):
            ops = keras.ops
            return ops.matmul(ops.relu(ops.matmul(x, self.v) + self.c), self.w) + self.b

    return TwoMatrices(name="two_kernels")


def lora(keras):
    dense = keras.layers.Dense(4, name="dense")
    dense.build((None, 8))
    dense.enable_lora(2)
    return dense


# name: (input shape, layers behind it)
LAYERS = {
    "separable_conv_2d": ((8, 8, 3), lambda k: [k.layers.SeparableConv2D(5, 3, activation="relu")]),
    "separable_conv_1d": ((8, 3), lambda k: [k.layers.SeparableConv1D(5, 3, depth_multiplier=2)]),
    "simple_rnn": ((4, 3), lambda k: [k.layers.SimpleRNN(5, unroll=True)]),
    "lstm": ((4, 3), lambda k: [k.layers.LSTM(5, unroll=True)]),
    "gru": ((4, 3), lambda k: [k.layers.GRU(5, unroll=True)]),
    "gru_reset_before": ((4, 3), lambda k: [k.layers.GRU(5, unroll=True, reset_after=False)]),
    "bidirectional": ((3, 3), lambda k: [k.layers.Bidirectional(k.layers.LSTM(2, unroll=True))]),
    "time_distributed": ((4, 6), lambda k: [k.layers.TimeDistributed(k.layers.Dense(3, activation="relu"))]),
    "two_matrices": ((8,), lambda k: [two_matrices(k)]),
    "dense_on_sequence": ((4, 6), lambda k: [k.layers.Dense(3, activation="relu", use_bias=False)]),
    "einsum": ((5, 6), lambda k: [k.layers.EinsumDense("abc,cd->abd", (5, 7), bias_axes="d", activation="relu")]),
    "lora": ((8,), lambda k: [lora(k)]),
    "normalization": ((6,), lambda k: [adapted(k, (6,)), k.layers.Dense(4, activation="relu")]),
    "normalization_of_maps": ((6, 6, 3), lambda k: [adapted(k, (6, 6, 3)), k.layers.Conv2D(4, 3, activation="relu")]),
    "normalization_given": ((4,), lambda k: [k.layers.Normalization(mean=[3.0] * 4, variance=[4.0] * 4), k.layers.Dense(3)]),
    "rescaling_behind": ((6,), lambda k: [k.layers.Dense(4), k.layers.Rescaling(20.0, offset=100.0)]),
    "offset_behind": ((6,), lambda k: [k.layers.Dense(4, use_bias=False), k.layers.Rescaling(1.0, offset=100.0)]),
    "offset_behind_conv": ((6, 6, 2), lambda k: [k.layers.DepthwiseConv2D(3, use_bias=False), k.layers.Rescaling(1.0, offset=3.0)]),
    "hard_sigmoid": ((6,), lambda k: [k.layers.Dense(4, activation="hard_sigmoid")]),
    "hard_sigmoid_without_bias": ((6,), lambda k: [k.layers.Dense(4, activation="hard_sigmoid", use_bias=False)]),
    "hard_swish": ((6,), lambda k: [k.layers.Dense(4, activation="hard_swish")]),
    "relu_without_bias": ((6,), lambda k: [k.layers.Dense(4, activation="relu6", use_bias=False), k.layers.Dense(4)]),
    "transposed_without_bias": ((4, 4, 2), lambda k: [k.layers.Conv2DTranspose(3, 3, activation="relu", use_bias=False)]),
    "conv_1d_without_bias": ((9, 3), lambda k: [k.layers.Conv1D(4, 3, activation="relu", use_bias=False)]),
    "dilated_conv_1d": ((12, 3), lambda k: [k.layers.Conv1D(4, 3, dilation_rate=2, padding="same", activation="relu")]),
    "prelu": ((6, 6, 2), lambda k: [k.layers.Conv2D(3, 3), k.layers.PReLU(alpha_initializer="normal")]),
    "layer_normalization": ((6,), lambda k: [k.layers.Dense(5), k.layers.LayerNormalization()]),
    "up_sampling": ((4, 4, 2), lambda k: [k.layers.Conv2D(2, 3, padding="same"), k.layers.UpSampling2D(2)]),
    "batch_norms": ((7, 7, 2), lambda k: [
        k.layers.BatchNormalization(), k.layers.Conv2D(4, 3, use_bias=False), k.layers.BatchNormalization(scale=False),
        k.layers.ReLU(6.0), k.layers.DepthwiseConv2D(3, activation="relu"), k.layers.BatchNormalization(center=False)]),
    "augmentation": ((8, 8, 3), lambda k: [
        k.layers.RandomFlip("horizontal"), k.layers.RandomRotation(0.1), k.layers.RandomContrast(0.1),
        k.layers.GaussianNoise(0.1), k.layers.Conv2D(2, 3), k.layers.Dropout(0.5)]),
}


def build(keras, name):
    """The layers with a trained head, weights drawn at random: none is zero, no two are equal."""
    shape, make = LAYERS[name]
    model = keras.Sequential([keras.Input(shape), *make(keras), keras.layers.Flatten(), keras.layers.Dense(2, name="head")])
    generator = np.random.default_rng(1)
    for variable in model.variables:
        if variable.dtype == "float32" and not variable.path.startswith("normalization"):
            low, high = (0.5, 1.5) if variable.name == "moving_variance" else (-0.6, 0.6)
            variable.assign(generator.uniform(low, high, variable.shape))
    return model


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_are_those_of_keras(keras, name):
    model = build(keras, name)
    converted = tp.convert(model, trainable_layers=1, loss="mse", batch_size=BATCH, verify=False)
    x = (2 * np.random.default_rng(2).normal(size=(2 * BATCH, *LAYERS[name][0]))).astype(np.float32)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(tp.Trainer(converted).predict(x), expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_the_exported_file_runs_in_tensorflow_lite(keras, name):
    """By its signature, with the names that Keras gives the inputs."""
    import tensorflow as tf

    model = build(keras, name)
    exported = tp.Trainer(tp.convert(model, trainable_layers=1, loss="mse", batch_size=BATCH, verify=False)).to_tflite()
    runner = tf.lite.Interpreter(model_content=exported).get_signature_runner("serving_default")
    x = np.random.default_rng(2).normal(size=(BATCH, *LAYERS[name][0])).astype(np.float32)
    expected = np.asarray(model(x, training=False))
    actual = runner(**{model.inputs[0].name: x})["output_0"]
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_a_copy_computes_what_the_model_computes(keras, name):
    model = build(keras, name)
    x = np.random.default_rng(2).normal(size=(3, *LAYERS[name][0])).astype(np.float32)
    copy = copy_model(model)
    # Keras saves a LoRA as a part of its kernel.
    tolerance = 1e-5 if name == "lora" else 0
    np.testing.assert_allclose(copy(x, training=False), model(x, training=False), rtol=tolerance, atol=tolerance)
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}


@pytest.mark.parametrize(("name", "layers"), [
    ("separable_conv_2d", ["separable_conv2d/depthwise_kernel", "separable_conv2d/pointwise_kernel"]),
    ("separable_conv_1d", ["separable_conv1d/depthwise_kernel", "separable_conv1d/pointwise_kernel"]),
    ("two_matrices", ["two_kernels/v", "two_kernels/w"]),
    ("lora", ["dense"]),
    ("batch_norms", ["conv2d", "depthwise_conv2d"]),
])
def test_layers_with_two_kernels_have_two_names(keras, name, layers):
    keras.utils.clear_session()
    source = read_source(build(keras, name))
    assert list(source.layer_names.values()) == [*layers, "head"]


@pytest.mark.parametrize("name", ["simple_rnn", "lstm", "gru", "gru_reset_before", "bidirectional", "time_distributed"])
def test_an_unrolled_layer_has_each_weight_once(keras, name):
    """All steps read the same constants, and all weights of Keras are kernels and biases of layers."""
    source = read_source(build(keras, name))
    weights = [w for w in keras_weights(source.keras_model) if w.variable.dtype == "float32"]
    found = {}
    for tensor in source.graph.tensors:
        part = find_part({w.name: w for w in weights}, tensor.name) if tensor.is_constant else None
        if part:
            assert tensor.name not in found, tensor.name
            found[tensor.name] = part
    assert sum(part.positions.size for _, part in found.values()) == sum(np.prod(w.variable.shape) for w in weights)
    assert len(source.unchanged) == len(source.layer_names)


@pytest.mark.parametrize("name", ["separable_conv_1d", "separable_conv_2d", "two_matrices"])
def test_a_layer_of_two_kernels_goes_back_to_keras(keras, name):
    model = build(keras, name)
    trainer = tp.Trainer(tp.convert(model, loss="mse", config=tp.TinyPropConfig.full()))
    x = np.random.default_rng(3).normal(size=(4, *LAYERS[name][0])).astype(np.float32)
    trainer.fit(x, np.ones((4, 2), np.float32), learning_rate=0.05, verbose=False)
    tuned = trainer.to_keras()
    for before, after in zip(model.get_weights(), tuned.get_weights(), strict=True):
        assert before.shape == after.shape and not np.array_equal(before, after)
    np.testing.assert_allclose(trainer.predict(x), tuned(x), rtol=1e-4, atol=1e-5)


def test_weights_go_back_from_a_file_with_another_model_of_the_architecture(keras, tmp_path):
    model, other = build(keras, "separable_conv_2d"), build(keras, "separable_conv_2d")
    for layer, clone in zip(model.layers, other.layers, strict=True):
        clone.name = layer.name
    path = tp.convert(model, loss="mse").save(tmp_path / "m.tflite")
    other.set_weights([0 * w for w in model.get_weights()])
    back = tp.Trainer(tp.load(path)).to_keras(other)
    for expected, actual in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_parts_of_weights(keras):
    dense = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="d")])
    weight = keras_weights(dense)[0]
    positions = np.arange(24).reshape(6, 4)
    names = {weight.name: weight}
    for box, name in ((np.s_[:, :], "d/kernel"), (np.s_[:, 1:3], "d/kernel[:,1:3]"), (np.s_[2:3], "d/kernel[2:3,:]")):
        part = part_of(weight, positions[box].T)
        assert part.name == name
        np.testing.assert_array_equal(find_part(names, name)[1].positions, positions[box])
    assert part_of(weight, positions[[0, 2]]) is None
    assert find_part(names, "d/bias") is None and find_part(names, "d/kernel[0:1]") is None


def test_names_in_nested_models_are_unique(keras):
    layers = keras.layers
    parts = [keras.Sequential([keras.Input((4,)), layers.Dense(4, name="same"), layers.BatchNormalization(name="norm")])
             for _ in range(2)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    assert [w.name for w in keras_weights(model) if "same" in w.name] == [
        "same/kernel", "same/bias", "same_2/kernel", "same_2/bias"]
    trainer = tp.Trainer(tp.convert(model, loss="mse", batch_norm="keep", config=tp.TinyPropConfig.full()))
    assert [layer.name for layer in trainer.model.training.layers] == ["same", "same_2"]
    x = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    trainer.fit(x, x, learning_rate=0.1, verbose=False)
    np.testing.assert_allclose(trainer.to_keras()(x), trainer.predict(x), rtol=1e-4, atol=1e-5)


def test_several_outputs_and_inputs_keep_their_order(keras):
    """More than ten, since TensorFlow sorts names."""
    inputs = [keras.Input((2,), name=f"in_{i}") for i in range(12)]
    outputs = [keras.layers.Dense(1 + i % 3)(x) for i, x in enumerate(inputs)]
    graph = read_source(keras.Model(inputs, outputs)).graph
    assert [graph.tensors[t].name for t in graph.inputs] == [x.name for x in inputs]
    assert [graph.tensors[t].shape[-1] for t in graph.outputs] == [1 + i % 3 for i in range(12)]


def test_batch_norm_is_fold_or_keep(keras_classifier, plain_tflite):
    with pytest.raises(ConfigError, match="batch_norm must be one of 'fold', 'keep', got 'train'"):
        tp.convert(keras_classifier, batch_norm="train")
    with pytest.raises(ModelError, match="needs a Keras model"):
        tp.convert(plain_tflite, batch_norm="keep")


def test_a_layer_that_tflite_does_not_have(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: keras.ops.erfinv(x), name="inverse"),
                              keras.layers.Dense(2)])
    with pytest.raises(ModelError, match=r"cannot convert Keras model.*no counterpart of '.*inverse.*' \(Erfinv\)"):
        tp.convert(model)


def test_no_reshapes_between_one_dimensional_convolutions(keras):
    """Keras takes the fourth dimension away behind each, and puts it back in front of the next."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((12, 3)), layers.Conv1D(4, 3, activation="relu"), layers.Conv1D(5, 3),
                              layers.BatchNormalization(), layers.ReLU(), layers.SeparableConv1D(3, 2), layers.Flatten()])
    kinds = [op.kind for op in read_source(model).graph.ops]
    assert kinds == ["RESHAPE", "CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "RESHAPE"]
