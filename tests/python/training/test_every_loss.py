"""Training with every loss: one step of Keras, the reference over many steps, the decision, labels and metrics."""

import keras
import numpy as np
import pytest
from support import assert_weights_close, bits, kernels_and_biases

import tflm_tinyprop as tp
from tflm_tinyprop.errors import DataError
from tflm_tinyprop.reference import DenseLayer, ReferenceNetwork

L = keras.layers
FULL = tp.TinyPropConfig.full()
INPUTS = 6


def keras_model(end, outputs=4, seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((INPUTS,)), L.Dense(9, activation="relu", name="hidden"),
                             L.Dense(outputs, activation=end, name="last")])


def labels_for(loss, outputs, samples, generator):
    if loss.name == "sparse_categorical_crossentropy":
        return generator.integers(outputs, size=samples)
    if loss.name == "categorical_crossentropy":
        return np.eye(outputs, dtype=np.float32)[generator.integers(outputs, size=samples)]
    if loss.name == "binary_crossentropy":
        return generator.integers(2, size=(samples, outputs)).astype(np.float32)
    return generator.normal(size=(samples, outputs)).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize(("loss", "end", "outputs"), [
    (keras.losses.BinaryCrossentropy(), "sigmoid", 1),
    (keras.losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid", 4),
    (keras.losses.BinaryCrossentropy(from_logits=True), None, 4),
    (keras.losses.CategoricalCrossentropy(label_smoothing=0.2), "softmax", 4),
    (keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), None, 4),
    (keras.losses.MeanAbsoluteError(), "sigmoid", 4),
    (keras.losses.MeanAbsoluteError(), None, 4),
    (keras.losses.Huber(delta=0.3), "tanh", 4),
])
def test_one_step_equals_keras(loss, end, outputs, batch_size):
    generator = np.random.default_rng(7)
    source = keras_model(end, outputs)
    x = 2 * generator.normal(size=(batch_size, INPUTS)).astype(np.float32)
    y = labels_for(tp.Loss.of(loss), outputs, batch_size, generator)
    trainer = tp.Trainer(tp.convert(source, loss=loss, config=FULL, batch_size=batch_size))
    before, predicted = trainer.get_weights(), source.predict(x, verbose=0)
    np.testing.assert_allclose(trainer.predict(x), predicted, atol=1e-6)
    logs = trainer.train_on_batch(x, y, learning_rate=0.4)

    expected = keras.models.clone_model(source)
    expected.set_weights(source.get_weights())
    expected.compile(keras.optimizers.SGD(0.4), loss=loss)
    value = expected.train_on_batch(x, y)
    assert logs["loss"] == pytest.approx(float(np.ravel(value)[0]), rel=2e-5)
    assert_weights_close(trainer.to_keras().get_weights(), expected.get_weights(), 1e-5)
    assert bits(trainer.get_weights()) != bits(before)


def test_smoothed_class_indices_are_smoothed_one_hot_labels():
    """Keras smooths one-hot labels only; a class index means the same."""
    generator = np.random.default_rng(2)
    x, classes = generator.normal(size=(20, INPUTS)).astype(np.float32), generator.integers(4, size=20)
    weights = []
    for name, y in (("sparse_categorical_crossentropy", classes), ("categorical_crossentropy", np.eye(4)[classes])):
        trainer = tp.Trainer(tp.convert(keras_model("softmax"), loss=tp.Loss(name, label_smoothing=0.3)))
        trainer.fit(x, y, learning_rate=0.1, shuffle=False, verbose=False)
        weights.append(trainer.get_weights())
    assert_weights_close(*weights, 1e-5)


@pytest.mark.parametrize(("loss", "outputs", "rate"), [
    (tp.Loss("binary_crossentropy"), 1, 0.3),
    (tp.Loss("binary_crossentropy"), 5, 1.0),
    (tp.Loss("binary_crossentropy", label_smoothing=0.1), 3, 0.5),
    (tp.Loss("sparse_categorical_crossentropy", label_smoothing=0.1), 4, 0.1),
    (tp.Loss("mean_absolute_error"), 3, 0.02),
    (tp.Loss("huber", delta=0.5), 3, 0.05),
])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_200_steps_follow_the_reference(loss, outputs, rate, batch_size):
    generator, config = np.random.default_rng(11), tp.TinyPropConfig.v2(decay=0.99)
    model = tp.convert(keras_model(None, outputs), loss=loss, config=config, batch_size=batch_size)
    (w1, b1), (w2, b2) = kernels_and_biases(model)
    parameters = {name: getattr(loss, name) for name in loss.kind.parameters}
    reference = ReferenceNetwork([DenseLayer(w1, b1, "relu"), DenseLayer(w2, b2)], loss.name, **parameters)
    samples = generator.normal(size=(4, batch_size, INPUTS)).astype(np.float32)
    labels = [labels_for(loss, outputs, batch_size, generator) for _ in samples]
    trainer, skipped = tp.Trainer(model), 0
    for step in range(200):
        x, y = samples[step % 4], labels[step % 4]
        recorder = tp.StepRecorder()
        trainer.fit(x, y, learning_rate=rate, shuffle=False, callbacks=[recorder], verbose=False)
        expected = reference.train_step(x, y, config, rate)
        np.testing.assert_array_equal(recorder.status[0], expected.status, err_msg=f"step {step}")
        np.testing.assert_array_equal(recorder.gradients_kept[0], expected.k, err_msg=f"step {step}")
        np.testing.assert_allclose(recorder.loss[0], expected.loss, rtol=1e-3, atol=1e-5)
        skipped += int((expected.status == tp.SampleStatus.SKIPPED).sum())
    for actual, wanted in zip(trainer.get_weights(), [a for l in reference.layers for a in (l.weights, l.bias)], strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-4)
    if loss.kind.is_cross_entropy:
        assert 0 < skipped < 200 * batch_size


@pytest.mark.parametrize("outputs", [1, 2, 20])
def test_a_binary_sample_trains_unless_all_its_labels_are_known(outputs):
    """The same line as for a softmax, p = 7 / 8: one wrong label among many is not averaged away (DESIGN.md)."""
    model = keras_model(None, outputs)
    kernel, bias = model.get_layer("last").get_weights()
    model.get_layer("last").set_weights([0 * kernel, bias])

    def status(p):
        """Of a sample whose labels are 1, with the probabilities p, after one that is entirely wrong."""
        trainer = tp.Trainer(tp.convert(model, loss="binary_crossentropy", trainable_layers=1))
        recorder = tp.StepRecorder()
        logits = np.log(p) - np.log1p(-p)
        x = np.zeros((1, INPUTS), np.float32)
        for value in (np.full(outputs, -30.0), logits):
            values = trainer.get_weights()
            values[1] = value.astype(np.float32)
            trainer.set_weights(values)
            trainer.fit(x, np.ones((1, outputs)), learning_rate=1e-6, callbacks=[recorder], verbose=False)
        assert recorder.status[0, 0] == tp.SampleStatus.TRAINED
        return recorder.status[1, 0]

    known = np.full(outputs, 1 - 1e-6)
    assert status(known) == tp.SampleStatus.SKIPPED
    for p, expected in ((7 / 8 + 0.01, tp.SampleStatus.SKIPPED), (7 / 8 - 0.01, tp.SampleStatus.TRAINED)):
        one = known.copy()
        one[0] = p
        assert status(one) == expected


def test_extreme_logits_do_no_harm():
    model = tp.convert(keras_model(None, 2), loss="binary_crossentropy", config=FULL, trainable_layers=1)
    trainer = tp.Trainer(model)
    values = trainer.get_weights()
    x, y = np.ones((1, INPUTS), np.float32), np.array([[1.0, 0.0]])
    for bias, loss in (([1e4, -1e4], 0.0), ([-1e4, 1e4], 1e4)):
        trainer.set_weights([values[0], np.float32(bias)])
        assert trainer.evaluate(x, y)["loss"] == pytest.approx(loss, rel=1e-3, abs=1e-6)
        logs = trainer.train_on_batch(x, y, learning_rate=0.1)
        assert logs["non_finite"] == 0 and all(np.isfinite(w).all() for w in trainer.get_weights())
    for bad in (np.nan, np.inf, -np.inf):
        x = np.full((1, INPUTS), bad, np.float32)
        before = bits(trainer.get_weights())
        assert trainer.train_on_batch(x, y, learning_rate=0.1)["non_finite"] == 1
        assert bits(trainer.get_weights()) == before


# Labels and metrics ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("y", "message"), [
    (np.array([[0.0, 1.0, 2.0, 0.0]] * 3), r"y\[0, 2\] is 2, but labels of binary_crossentropy are from 0 to 1; 3 value"),
    (np.array([[0.0, -0.1, 0.0, 0.0]] * 3), r"y\[0, 1\] is -0.1"),
    (np.array([[0.0, np.nan, 0.0, 0.0]] * 3), r"y\[0, 1\] is nan"),
    (np.zeros(3), r"y has shape \(3,\); expected \(samples, 4\)"),
    (np.zeros((3, 5)), r"y has shape \(3, 5\); expected \(samples, 4\)"),
    (np.zeros((2, 4)), "2 labels for 3 samples"),
    (np.array([["a"] * 4] * 3), "dtype <U1; expected numbers"),
])
def test_labels_of_binary_outputs(y, message):
    trainer = tp.Trainer(tp.convert(keras_model("sigmoid"), loss="binary_crossentropy"))
    with pytest.raises(DataError, match=message):
        trainer.fit(np.zeros((3, INPUTS)), y)


def test_labels_from_0_to_1_are_for_every_cross_entropy_and_for_nothing_else():
    x, y = np.zeros((1, INPUTS)), np.array([[0.0, 3.0, 0.0, 0.0]])
    with pytest.raises(DataError, match=r"y\[0, 1\] is 3, but labels of categorical_crossentropy are from 0 to 1"):
        tp.Trainer(tp.convert(keras_model("softmax"), loss="categorical_crossentropy")).evaluate(x, y)
    for loss in ("mse", "mae", "huber"):
        assert tp.Trainer(tp.convert(keras_model(None), loss=loss)).evaluate(x, y)["loss"] > 0


@pytest.mark.parametrize("dtype", [int, bool, np.float32])
def test_one_label_a_sample_needs_no_second_axis(dtype):
    trainer = tp.Trainer(tp.convert(keras_model("sigmoid", 1), loss="binary_crossentropy"))
    x = np.random.default_rng(0).normal(size=(8, INPUTS))
    y = (np.arange(8) % 2).astype(dtype)
    assert trainer.evaluate(x, y) == trainer.evaluate(x, y[:, None])


@pytest.mark.parametrize("end", ["sigmoid", None])
@pytest.mark.parametrize("outputs", [1, 3])
def test_binary_accuracy_is_keras(end, outputs):
    generator = np.random.default_rng(4)
    source = keras_model(end, outputs)
    x, y = generator.normal(size=(50, INPUTS)).astype(np.float32), generator.integers(2, size=(50, outputs))
    found = tp.Trainer(tp.convert(source, loss="binary_crossentropy")).evaluate(x, y)["accuracy"]
    metric = keras.metrics.BinaryAccuracy(threshold=0.5 if end else 0.0)  # of logits the sign tells
    metric.update_state(y, source.predict(x, verbose=0))
    assert found == pytest.approx(float(metric.result()), abs=1e-6)
    assert 0 < found < 1


def test_nan_is_never_right():
    for value in (0, 1):
        trainer = tp.Trainer(tp.convert(keras_model("sigmoid", 2), loss="binary_crossentropy"))
        figures = trainer.evaluate(np.full((3, INPUTS), np.nan), np.full((3, 2), value))
        assert figures["accuracy"] == 0


@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_a_regression_has_no_accuracy(loss):
    trainer = tp.Trainer(tp.convert(keras_model(None), loss=loss))
    assert set(trainer.evaluate(np.zeros((2, INPUTS)), np.zeros((2, 4)))) == {"loss"}
