"""Every loss, and models with several outputs, in the simulation and in the real ops."""

import keras
import numpy as np
import pytest
from simulated_runs import CLASSES, interpreter_run, largest_difference, make_samples, simulation_run

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.simulate import TinyPropSimulation

L = keras.layers
CONFIG = tp.TinyPropConfig.v2(decay=0.98)


def dense_model(end, outputs=CLASSES):
    keras.utils.set_random_seed(4)
    return keras.Sequential([keras.Input((16,)), L.Dense(24, activation="relu", name="first"),
                             L.Dense(outputs, activation=end, name="last")], name="dense")


def compare(model, x, y, batch_size=2, rate=0.1, **options):
    run = interpreter_run(model, x, y, rate, batch_size, config=CONFIG, **options)
    record, simulation = simulation_run(model, x, y, rate, batch_size, config=CONFIG, **options)
    np.testing.assert_array_equal(record.status, run.record.status)
    np.testing.assert_allclose(record.loss, run.record.loss, rtol=1e-3, atol=1e-5)
    assert largest_difference(simulation.trained_model(), run.model) < 1e-4
    assert largest_difference(simulation.trained_model(), model) > 0.01
    return record, simulation, run


@pytest.mark.parametrize(("loss", "end"), [
    (tp.Loss("sparse_categorical_crossentropy", label_smoothing=0.1), "softmax"),
    (tp.Loss("binary_crossentropy", label_smoothing=0.1), "sigmoid"),
    ("binary_crossentropy", None), ("mae", None), (tp.Loss("huber", delta=0.5), None),
])
def test_losses(loss, end):
    model = dense_model(end)
    x, classes = make_samples((16,), 300)
    y = classes if end == "softmax" else np.eye(CLASSES, dtype=np.float32)[classes]
    record, simulation, run = compare(model, x, y, loss=loss)
    if end == "softmax":
        assert 0.02 < np.mean(record.status == tp.SampleStatus.SKIPPED) < 0.98
    simulation.compile(keras.optimizers.SGD(0.0))
    figures = simulation.evaluate(x, y, batch_size=50, verbose=0, return_dict=True)
    expected = tp.Trainer(tp.convert(run.model, loss=loss)).evaluate(x, y)
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, abs=2e-3), name
    np.testing.assert_allclose(simulation.predict(x[:20], verbose=0), run.model.predict(x[:20], verbose=0), atol=1e-4)


def test_one_binary_output():
    model = dense_model("sigmoid", 1)
    x, classes = make_samples((16,), 300)
    record, *_ = compare(model, x, (classes[:, None] < 2).astype(np.float32), loss="binary_crossentropy")
    assert 0.05 < np.mean(record.status == tp.SampleStatus.SKIPPED) < 0.98
    assert set(np.unique(record.correct)) == {0.0, 1.0}


def test_one_output_of_two():
    keras.utils.set_random_seed(5)
    x = keras.Input((16,))
    hidden = L.Dense(24, activation="relu", name="trunk")(x)
    model = keras.Model(x, [L.Dense(CLASSES, activation="softmax", name="kind")(hidden),
                            L.Dense(3, activation="sigmoid", name="flags")(L.Dense(4, activation="relu", name="neck")(hidden))])
    samples, y = make_samples((16,), 300)
    record, simulation, run = compare(model, samples, y, output="kind")
    simulation.compile(keras.optimizers.SGD(0.0))
    figures = simulation.fit(samples, y, batch_size=50, verbose=0).history
    assert figures["accuracy"][0] == pytest.approx(
        tp.Trainer(tp.convert(run.model, output="kind")).evaluate(samples, y)["accuracy"], abs=1e-3)
    # The forward pass of the other output counts, here as there.
    assert simulation.network.forward_macs == tp.convert(model, output=0).training.forward_macs
    with pytest.raises(ModelError, match="2 outputs .*0 'kind', 1 'flags'"):
        TinyPropSimulation(model)


@pytest.mark.parametrize(("loss", "end", "outputs", "message"), [
    ("sparse_categorical_crossentropy", "sigmoid", 1, "'last' of a sigmoid.*binary_crossentropy"),
    ("sparse_categorical_crossentropy", "sigmoid", 3, "'last' of a sigmoid.*binary_crossentropy"),
    ("categorical_crossentropy", "softmax", 1, "one element.*binary_crossentropy"),
    ("binary_crossentropy", "softmax", 3, "'last' of a softmax.*sparse_categorical_crossentropy"),
    (keras.losses.BinaryCrossentropy(), None, 1, "from_logits=True"),
])
def test_what_convert_refuses_is_refused_here(loss, end, outputs, message):
    for make in (TinyPropSimulation, tp.convert):
        with pytest.raises(ModelError, match=message):
            make(dense_model(end, outputs), loss=loss)
