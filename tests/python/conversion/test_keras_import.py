"""From Keras: nothing may be lost on the way, and names are Keras' names."""

import json

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def weights_of(model):
    """{(layer, role): initial value} of a TrainableModel."""
    return {
        (model.training.layers[v.layer - 1].name, v.role): value
        for v, value in zip(model.training.variables, model.initial_values(), strict=True) if v.layer
    }


def assert_same_weights(model, keras_model):
    found = weights_of(model)
    for layer in keras_model.layers:
        for role, weight in enumerate(layer.get_weights()):
            np.testing.assert_array_equal(found.pop((layer.name, role)), weight.T)
    assert not found


def test_fresh_biases_are_kept(keras_classifier):
    assert_same_weights(tp.convert(keras_classifier), keras_classifier)


def test_equal_and_constant_weights_stay_apart(keras):
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((4,)), dense(4, kernel_initializer="ones"),
                              dense(4, kernel_initializer="ones"), dense(4, bias_initializer="ones")])
    assert_same_weights(tp.convert(model, batch_size=3), model)


def test_the_model_is_not_changed(keras_classifier):
    before = [w.copy() for w in keras_classifier.get_weights()]
    tp.convert(keras_classifier)
    for a, b in zip(before, keras_classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_functional_with_two_inputs_keeps_their_order(keras):
    wide, narrow = keras.Input((5,), name="wide"), keras.Input((2,), name="narrow")
    joined = keras.layers.Concatenate()([narrow, wide])
    hidden = keras.layers.Dense(6, activation="relu", name="hidden")(joined)
    hidden = keras.layers.Dropout(0.5)(hidden)
    model = keras.Model([wide, narrow], keras.layers.Dense(3, name="out")(hidden))
    converted = tp.convert(model, batch_size=2)
    assert [t.shape for t in converted.inputs] == [(2, 5), (2, 2)]
    x = [np.random.default_rng(0).normal(size=(4, n)).astype(np.float32) for n in (5, 2)]
    np.testing.assert_allclose(tp.Trainer(converted).predict(x), model(x), rtol=1e-5, atol=1e-6)


def test_nested_models_and_names(keras):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="inside")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="outside")])
    assert [l.name for l in tp.convert(model).training.layers] == ["inside", "outside"]


def test_frozen_convolutions_below_trained_dense_layers(keras):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
        keras.layers.Flatten(), keras.layers.Dense(5, activation="softmax", name="head"),
    ])
    converted = tp.convert(model, trainable_layers=1)
    assert [layer.name for layer in converted.training.layers] == ["head"]
    assert converted.training.forward_macs == 6 * 6 * 4 * 9 + 144 * 5
    trainer = tp.Trainer(converted, config=tp.TinyPropConfig.full())
    x = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(trainer.predict(x), model(x), rtol=1e-5, atol=1e-6)
    trainer.fit(x, np.arange(6) % 5, learning_rate=0.1, verbose=False)
    tuned = trainer.to_keras()
    np.testing.assert_array_equal(tuned.get_layer("conv").get_weights()[0], model.get_layer("conv").get_weights()[0])
    np.testing.assert_allclose(trainer.predict(x), tuned(x), rtol=1e-5, atol=1e-6)


def test_convolutions_without_batch_normalisation_go_back_to_keras(keras):
    """Kernels of all layouts, with zero biases that the converter merges."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((10, 9, 2)), layers.Conv2D(3, (3, 2), padding="same", activation="relu", name="conv"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6", name="depthwise"),
        layers.Conv2D(6, 1, use_bias=False, name="pointwise"), layers.Conv2D(6, 1, name="again"),
        layers.Reshape((8, 42)), layers.Conv1D(4, 3, name="conv1d"), layers.Flatten(),
        layers.Dense(3, activation="softmax", name="head"),
    ])
    converted = tp.convert(model, batch_size=2, config=tp.TinyPropConfig.full())
    assert [layer.name for layer in converted.training.layers] == [l.name for l in model.layers if l.weights]
    trainer = tp.Trainer(converted)
    x = np.random.default_rng(0).normal(size=(4, 10, 9, 2)).astype(np.float32)
    np.testing.assert_allclose(trainer.predict(x), model(x), rtol=1e-4, atol=1e-5)
    trainer.fit(x, np.arange(4) % 3, epochs=3, learning_rate=0.05, verbose=False)
    tuned = trainer.to_keras()
    np.testing.assert_allclose(trainer.predict(x), tuned(x), rtol=1e-4, atol=1e-5)
    for before, after in zip(model.get_weights(), tuned.get_weights(), strict=True):
        assert not np.array_equal(before, after)


def test_a_frozen_layer_that_is_called_twice_keeps_its_bias(keras):
    """The converter moves the bias of the first call into that of the second."""
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, name="shared")
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(shared(shared(inputs))))
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
    converted = tp.convert(model, trainable_layers=["head"])
    x = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(tp.Trainer(converted).predict(x), model(x), rtol=1e-5, atol=1e-5)
    bias = converted.graph.tensors[converted.graph.ops[2].inputs[2]].array()
    np.testing.assert_array_equal(bias, model.get_layer("shared").bias)


def test_an_unbuilt_model(keras):
    with pytest.raises(ModelError, match="'unbuilt'.*keras.Input"):
        tp.convert(keras.Sequential([keras.layers.Dense(2)], name="unbuilt"))


def test_a_subclassed_model(keras):
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match="functional"):
        tp.convert(Own(name="own"))


def test_a_dynamic_shape(keras):
    model = keras.Sequential([keras.Input((None, 4), name="sequence"), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match=r"input 'sequence' of Keras model .* has the dynamic shape \(None, None, 4\)"):
        tp.convert(model)


def test_a_fixed_batch_that_differs(keras):
    model = keras.Sequential([keras.Input(batch_shape=(4, 3)), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="fixed batch 4.*batch_size=1"):
        tp.convert(model)
    assert tp.convert(model, batch_size=4).batch_size == 4


def test_a_folded_normalisation_leaves_its_shift_to_be_trained(keras):
    """The converter leaves a bias out as long as it is zero."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False, name="folded"),
                              keras.layers.BatchNormalization(), keras.layers.Dense(2, use_bias=False, name="plain")])
    found = weights_of(tp.convert(model))
    assert set(found) == {("folded", metadata.KERNEL), ("folded", metadata.BIAS), ("plain", metadata.KERNEL)}
    np.testing.assert_array_equal(found["folded", metadata.BIAS], np.zeros(3))


def test_a_layer_with_something_folded_into_it_does_not_go_back(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="folded"), layers.BatchNormalization(),
                              layers.Dense(2, name="plain")])
    converted = tp.convert(model)
    flags = {layer.name: bool(layer.flags & tables.KERAS_LAYER) for layer in converted.training.layers}
    assert flags == {"folded": False, "plain": True}
    with pytest.raises(ModelError, match="weights of folded do not map to Keras layers"):
        tp.Trainer(converted).to_keras()
    tuned = tp.Trainer(tp.convert(model, trainable_layers=["plain"])).to_keras()
    np.testing.assert_array_equal(tuned.get_layer("folded").kernel, model.get_layer("folded").kernel)


def test_linear_layers_keep_their_own_biases(keras):
    """The converter adds the first bias, times the second kernel, to the second bias."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
    converted = tp.convert(model)
    assert_same_weights(converted, model)
    x = np.eye(4, dtype=np.float32)
    np.testing.assert_allclose(tp.Trainer(converted).predict(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_the_path_of_a_keras_file(keras_classifier, name, tmp_path):
    keras_classifier.save(tmp_path / name)
    for path in (tmp_path / name, str(tmp_path / name)):
        assert_same_weights(tp.convert(path), keras_classifier)


def test_an_h5_of_keras_2(keras, tmp_path):
    """Its depthwise convolutions have an argument that Keras 3 does not know; the anomaly and person models have it."""
    import h5py

    model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.DepthwiseConv2D(3, name="depthwise"),
                              keras.layers.Flatten(), keras.layers.Dense(2, name="head")])
    model.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        next(l for l in config["config"]["layers"] if l["class_name"] == "DepthwiseConv2D")["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config)
    converted = tp.convert(tmp_path / "old.h5")
    assert [layer.name for layer in converted.training.layers] == ["depthwise", "head"]
    assert type(converted.keras_model.get_layer("depthwise")) is keras.layers.DepthwiseConv2D


def test_files_that_are_no_keras_models(tmp_path):
    with pytest.raises(ModelError, match="Keras model .*none.keras: no such file"):
        tp.convert(tmp_path / "none.keras")
    with pytest.raises(ModelError, match=r"is a folder.*SavedModel.*model.save\('model.keras'\)"):
        tp.convert(tmp_path)
    (tmp_path / "text.h5").write_text("none")
    with pytest.raises(ModelError, match=r"text.h5 is not a model that Keras \S+ can load: .*load_model"):
        tp.convert(tmp_path / "text.h5")


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_a_model_that_does_not_compute_in_float32(keras, policy):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="half", dtype=policy)])
    with pytest.raises(ModelError, match=rf"layer 'half'.*computes in {policy[-7:]}.*set_dtype_policy\('float32'\)"):
        tp.convert(model)


def test_a_model_that_keras_has_quantised(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="small")])
    model.get_layer("small").quantize("int8")
    with pytest.raises(ModelError, match="layer 'small'.*computes in int8"):
        tp.convert(model)


def test_a_model_that_cannot_be_called(keras):
    @keras.saving.register_keras_serializable("tests")
    class Broken(keras.layers.Layer):
        def call(self, x):
            if x.shape[0] is not None:
                raise ValueError("batches of one are not for me")
            return x

    model = keras.Sequential([keras.Input((4,)), Broken(), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="(?s)cannot be called with batch 1: .*not for me"):
        tp.convert(model)
