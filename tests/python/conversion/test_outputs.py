"""Models with several outputs: which one is trained, and what becomes of the others."""

import keras
import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import read_graph, write_graph

L = keras.layers


@pytest.fixture(scope="module")
def two_heads():
    keras.utils.set_random_seed(3)
    x = keras.Input((6,), name="features")
    hidden = L.Dense(8, activation="relu", name="trunk")(x)
    return keras.Model(x, [L.Dense(4, activation="softmax", name="kind")(hidden), L.Dense(2, activation="sigmoid", name="flags")(hidden)])


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(5)
    return generator.normal(size=(40, 6)).astype(np.float32), generator.integers(2, size=(40, 2)).astype(np.float32)


def test_an_output_has_to_be_chosen(two_heads):
    with pytest.raises(ModelError, match=r"2 outputs \(0 'kind', 1 'flags'\).*output=0 \(--output 0\)"):
        tp.convert(two_heads)


@pytest.mark.parametrize("wanted", ["neck", 2, -1, True, 1.0])
def test_an_output_that_there_is_not(two_heads, wanted):
    with pytest.raises(ModelError, match="none of the model's outputs; there are 0 'kind', 1 'flags'"):
        tp.convert(two_heads, output=wanted)


def test_two_outputs_of_one_name_are_told_apart_by_position(two_heads):
    graph = read_graph(keras_tflite(two_heads))
    graph.signature_defs = None
    for t in graph.outputs:
        graph.tensors[t].name = "same"
    data = write_graph(graph)
    with pytest.raises(ModelError, match="name of several outputs; give its position"):
        tp.convert(data, output="same", loss="mse")
    assert tp.convert(data, output=1, loss="mse").training.output == 1


def keras_tflite(model):
    """The ordinary model, as convert() has it."""
    return tp.Trainer(tp.convert(model, output=0, loss="mse")).to_tflite()


@pytest.mark.parametrize("wanted", ["flags", 1])
@pytest.mark.parametrize("source", ["keras", "tflite"])
def test_the_chosen_output_trains_and_the_others_stay(two_heads, data, wanted, source):
    x, y = data
    model = tp.convert(two_heads if source == "keras" else keras_tflite(two_heads), output=wanted, loss="binary_crossentropy",
                       config=tp.TinyPropConfig.full())
    assert model.training.output == 1 and model.output_names == ["kind", "flags"]
    assert [o.shape for o in model.outputs] == [(1, 4), (1, 2)]
    assert {layer.name for layer in model.training.layers if layer.is_trained} == {"trunk", "flags"}
    trainer = tp.Trainer(model)
    kind, flags = two_heads.predict(x, verbose=0)
    both = trainer.predict(x, outputs="all")
    np.testing.assert_allclose(both[0], kind, atol=1e-6)
    np.testing.assert_allclose(both[1], flags, atol=1e-6)
    np.testing.assert_array_equal(trainer.predict(x), both[1])

    before = trainer.evaluate(x, y)
    trainer.fit(x, y, epochs=5, learning_rate=0.2, seed=1, verbose=False)
    assert trainer.evaluate(x, y)["loss"] < before["loss"]
    ordinary = read_graph(trainer.to_tflite())
    assert [ordinary.tensors[t].shape for t in ordinary.outputs] == [(1, 4), (1, 2)]
    # The other head is as it was; what it reads, the trunk, is not.
    kernel = next(t for t in ordinary.tensors if t.name == "kind/kernel").array()
    np.testing.assert_array_equal(kernel, two_heads.get_layer("kind").kernel.numpy().T)


def test_one_step_equals_keras(two_heads, data):
    x, y = data[0][:4], data[1][:4]
    model = tp.convert(two_heads, output="flags", loss="binary_crossentropy", batch_size=4, config=tp.TinyPropConfig.full())
    trainer = tp.Trainer(model)
    trainer.train_on_batch(x, y, learning_rate=0.5)
    whole = keras.models.clone_model(two_heads)
    whole.set_weights(two_heads.get_weights())
    expected = keras.Model(whole.inputs, whole.outputs[1])
    expected.compile(keras.optimizers.SGD(0.5), loss="binary_crossentropy")
    expected.train_on_batch(x, y)
    for found, wanted in zip(trainer.to_keras().get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert np.abs(whole.get_weights()[0] - two_heads.get_weights()[0]).max() > 1e-3


def test_all_outputs_of_a_batch_that_is_not_full(two_heads, data):
    model = tp.convert(two_heads, output="kind", batch_size=3)
    trainer = tp.Trainer(model)
    found, expected = trainer.predict(data[0], outputs="all"), two_heads.predict(data[0], verbose=0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    with pytest.raises(ConfigError, match="outputs='all'"):
        trainer.predict(data[0], outputs=1)


@pytest.mark.parametrize("as_dict", [False, True])
def test_outputs_are_in_keras_order(as_dict):
    """The converter sorts them by name, and output_10 before output_2."""
    x = keras.Input((3,))
    heads = [L.Dense(n, name=f"head{n}")(x) for n in range(1, 13)]
    model = keras.Model(x, {f"h{n}": h for n, h in enumerate(heads)} if as_dict else heads)
    converted = tp.convert(model, output=11, loss="mse")
    expected = sorted(f"h{n}" for n in range(12)) if as_dict else [f"head{n}" for n in range(1, 13)]
    assert converted.output_names == expected
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    wanted = model.predict(values, verbose=0)
    for name, found in zip(expected, tp.Trainer(converted).predict(values, outputs="all"), strict=True):
        np.testing.assert_allclose(found, wanted[name] if as_dict else wanted[expected.index(name)], atol=1e-6)


def test_nested_outputs_are_one_after_the_other():
    x = keras.Input((3,))
    model = keras.Model(x, [L.Dense(1, name="a")(x), [L.Dense(2, name="b")(x), L.Dense(3, name="c")(x)]])
    converted = tp.convert(model, output="c", loss="mse")
    assert converted.output_names == ["a", "b", "c"]
    assert [o.shape for o in converted.outputs] == [(1, 1), (1, 2), (1, 3)]


def test_weights_of_another_head_are_refused(tmp_path):
    """Heads of one shape have variables of one shape."""
    x = keras.Input((3,))
    model = keras.Model(x, [L.Dense(2, name="left")(x), L.Dense(2, name="right")(x)])
    left, right = (tp.convert(model, output=name, loss="mse") for name in ("left", "right"))
    assert left.training.fingerprint != right.training.fingerprint
    path = tp.Trainer(left).save_weights(tmp_path / "left.bin")
    with pytest.raises(ModelError, match="belongs to another model: it was trained with another loss or on another output"):
        tp.Trainer(right).load_weights(path)


def test_labels_describe_the_chosen_output(two_heads):
    model = tp.convert(two_heads, output="flags", loss="binary_crossentropy", labels=["wet", "hot"])
    assert model.data.endswith(zip_end(model.data)) and b"wet\nhot\n" in model.data
    with pytest.raises(ModelError, match="labels has 2 names.*4"):
        tp.convert(two_heads, output="kind", labels=["wet", "hot"])


def zip_end(data: bytes) -> bytes:
    return data[data.rindex(b"PK\x05\x06"):]


def test_metadata_whose_output_does_not_exist(two_heads):
    model = tp.convert(two_heads, output=1, loss="mse")
    entry = bytearray(model.graph.metadata[metadata.ENTRY])
    entry[metadata.HEADER.offset("output")] = 2
    with pytest.raises(ModelError, match="output 2 of 2"):
        metadata.unpack(metadata.sign(bytes(entry)))
