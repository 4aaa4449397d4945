"""Trainer: what it does not take, and how it says so."""

import numpy as np
import pytest
from support import bits

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ArenaError, ConfigError, DataError, ModelError
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, write_graph
from tflm_tinyprop.host import arena
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def trainer(model):
    return tp.Trainer(model)


@pytest.mark.parametrize(("x", "message"), [
    (np.zeros((4, 9)), r"'input'.*\(4, 9\).*\(samples, 8\)"),
    (np.zeros(8), "shape"),
    (np.zeros((0, 8)), "empty"),
    (np.array([["a"] * 8]), "dtype <U1"),
    (np.zeros((4, 8), complex), "complex"), ([[1.0, 2.0], [3.0]], "x for input 'input' is no array of numbers"),
    ({"wrong": np.zeros((4, 8))}, r"\['wrong'\].*\['input'\]"),
])
def test_bad_samples(trainer, x, message):
    with pytest.raises(DataError, match=message):
        trainer.fit(x, np.zeros(4, int), verbose=False)


@pytest.mark.parametrize(("y", "message"), [
    (np.array([0, 1, 4, 2]), r"y\[2\] is 4.*4 classes \(0 to 3\)"),
    (np.array([0, -1, 1, 2]), r"y\[1\] is -1"),
    (np.zeros(4), "integers"),
    (np.zeros((4, 4), int), "one-hot"),
    (np.zeros(3, int), "3 labels for 4 samples"),
    (np.zeros(5, int), "5 labels for 4 samples"),
    (np.array(["a"] * 4), "dtype"), ([[0], [1, 2], [0], [0]], "y is no array of numbers"),
])
def test_bad_labels(trainer, y, message):
    with pytest.raises(DataError, match=message):
        trainer.fit(np.zeros((4, 8)), y, verbose=False)


def test_labels_of_other_losses(samples):
    trainer = tp.Trainer(tp.convert(dense_classifier([8, 4]), loss="categorical_crossentropy"))
    for shape in ((40, 3), (40, 4, 1)):
        with pytest.raises(DataError, match=r"expected \(samples, 4\)"):
            trainer.evaluate(samples[0], np.zeros(shape))
    with pytest.raises(DataError, match="for class indices convert with loss='sparse_categorical_crossentropy'"):
        trainer.evaluate(*samples)


def test_class_indices_may_be_a_column(trainer, samples):
    assert trainer.evaluate(samples[0], samples[1][:, None]) == trainer.evaluate(*samples)


def test_several_inputs_come_by_name_or_in_order():
    graph = Graph([], [], [], [])
    a, b, joined, output = (graph.add_tensor(Tensor(name, (1, size), np.dtype(np.float32))) for name, size in
                            (("a", 3), ("b", 3), ("joined", 6), ("m/dense/output", 4)))
    kernel = graph.add_constant("m/dense/kernel", np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32))
    graph.ops = [Op("CONCATENATION", [a, b], [joined], raw=builtin_options("ConcatenationOptions", axis=1)),
                 Op("FULLY_CONNECTED", [joined, kernel, -1], [output], raw=builtin_options("FullyConnectedOptions"))]
    graph.inputs, graph.outputs = [a, b], [output]
    trainer = tp.Trainer(tp.convert(write_graph(graph)))
    first, second = np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)
    expected = np.concatenate([first, second], axis=1) @ graph.tensors[kernel].array().T
    np.testing.assert_allclose(trainer.predict([first, second]), expected, rtol=1e-5)
    np.testing.assert_allclose(trainer.predict({"b": second, "a": first}), expected, rtol=1e-5)
    for x, message in (([first, second[:4]], r"different numbers of samples: \[4, 5\]"), ([first], "list of 2 arrays"),
                       ({"a": first, "b": second, "c": first}, "keys"), ({"a": first}, "keys")):
        with pytest.raises(DataError, match=message):
            trainer.predict(x)


def test_integers_are_not_made_of_fractions():
    graph = Graph([], [], [], [])
    indices, values, output = (graph.add_tensor(Tensor(name, (1, 3), np.dtype(dtype))) for name, dtype in
                               (("indices", np.int32), ("cast", np.float32), ("m/d/out", np.float32)))
    kernel = graph.add_constant("m/d/kernel", np.eye(3, dtype=np.float32))
    graph.ops = [Op("CAST", [indices], [values], raw=builtin_options("CastOptions")),
                 Op("FULLY_CONNECTED", [values, kernel, -1], [output], raw=builtin_options("FullyConnectedOptions"))]
    graph.inputs, graph.outputs = [indices], [output]
    trainer = tp.Trainer(tp.convert(write_graph(graph)))
    np.testing.assert_array_equal(trainer.predict(np.array([[1, 2, 3]])), [[1, 2, 3]])
    with pytest.raises(DataError, match="has dtype float64; the model takes int32"):
        trainer.predict(np.array([[1.0, 2.5, 3.0]]))


def test_validation_data_is_checked_before_training(trainer, samples):
    before = bits(trainer.get_weights())
    with pytest.raises(DataError, match="pair"):
        trainer.fit(*samples, validation_data=samples[0], verbose=False)
    with pytest.raises(DataError, match="out of range"):
        trainer.fit(*samples, validation_data=(samples[0], samples[1] + 9), verbose=False)
    assert bits(trainer.get_weights()) == before


def test_train_on_batch_refuses_more_than_a_batch(trainer, samples):
    with pytest.raises(DataError, match="40 samples.*1"):
        trainer.train_on_batch(*samples)
    with pytest.raises(DataError, match="2 samples.*1"):
        trainer.train_on_batch(samples[0][:2], samples[1][:2])


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99, 1])
def test_an_arena_that_is_too_small_says_how_much_it_needs(model, share):
    arena_bytes = int(share * model.arena_bytes) - (share == 1)
    with pytest.raises(ArenaError, match=f"{arena_bytes} bytes is too small.*needs {model.arena_bytes} bytes"):
        tp.Trainer(model, arena_bytes=arena_bytes)


def test_the_measured_arena_is_enough(model, samples):
    trainer = tp.Trainer(model, arena_bytes=model.arena_bytes)
    trainer.fit(*samples, verbose=False)
    parameters = 4 * model.trainable_parameters
    assert parameters < model.arena_bytes < parameters + 25_000
    assert arena._runs(model.data, model.arena_bytes) and not arena._runs(model.data, model.arena_bytes - 16)


def test_a_trainer_needs_a_trainable_model(plain_tflite):
    with pytest.raises(ModelError, match="convert"):
        tp.Trainer(plain_tflite)


@pytest.mark.parametrize("settings", [
    {"s_min": 0.5, "s_max": 0.4}, {"s_max": 1.5}, {"zeta": -1}, {"decay": 0}, {"decay": 1.1},
    {"d_min": 5}, {"beta": -1}, {"threshold": np.nan}, {"s_min": "a lot"}, {"s_min": True},
])
def test_settings_out_of_range(settings):
    with pytest.raises(ConfigError, match="TinyPropConfig"):
        tp.TinyPropConfig(**settings)
