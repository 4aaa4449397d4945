"""Trainer: Keras' interface over the interpreter."""

import os
import signal

import numpy as np
import pytest
from support import assert_weights_close, bits, tensorflow_step

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ArenaError, ConfigError, DataError, ModelError
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def trainer(model):
    return tp.Trainer(model)


# fit, evaluate, predict -----------------------------------------------------------------------------

def test_history_has_the_shape_of_keras(trainer, samples):
    history = trainer.fit(*samples, epochs=3, learning_rate=0.05, validation_data=samples, seed=0, verbose=False)
    assert history is trainer.history and history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "accuracy", "backward_effort", "step_effort", "skip_rate", "non_finite",
                                    "val_loss", "val_accuracy"}
    assert all(len(values) == 3 for values in history.history.values())
    assert history.history["backward_effort"] == [1.0] * 3 == history.history["step_effort"]
    assert history.history["val_loss"][-1] == pytest.approx(trainer.evaluate(*samples)["loss"])


def test_training_learns(model, digits):
    x, y = digits
    trainer = tp.Trainer(tp.convert(dense_classifier([64, 32, 10], seed=0)))
    trainer.fit(x[:1200], y[:1200], epochs=8, learning_rate=0.05, seed=0, verbose=False)
    history = trainer.history.history
    assert trainer.evaluate(x[1200:], y[1200:])["accuracy"] > 0.88
    assert history["skip_rate"][-1] > 0.5 and history["backward_effort"][-1] < 0.3


def test_effort_counts_what_was_done(samples):
    model = tp.convert(dense_classifier([8, 16, 12, 4], seed=1))
    recorder, trainer = tp.StepRecorder(), tp.Trainer(model, config=tp.TinyPropConfig.v1(s_min=0.3))
    logs = trainer.fit(*samples, callbacks=[recorder], seed=1, verbose=False).history
    costs = np.array([l.update_macs + l.hand_down_macs for l in model.training.layers])
    done = (recorder.gradients_kept * costs[None, :, None]).sum()
    full = model.training.backward_macs * 40
    assert logs["backward_effort"][0] == pytest.approx(done / full)
    forward = model.training.forward_macs * 40
    assert logs["step_effort"][0] == pytest.approx((done + forward) / (full + forward))


def test_the_order_depends_on_the_seed_alone(model, samples):
    results = []
    for seed in (1, 1, 2):
        trainer = tp.Trainer(model)
        trainer.fit(*samples, learning_rate=0.1, seed=seed, verbose=False)
        results.append(bits(trainer.get_weights()))
    assert results[0] == results[1] != results[2]


def test_a_batch_that_is_not_full_averages_over_its_own_samples():
    """As Keras: the last batch's gradient is the mean over the samples it has."""
    data = dense_classifier([8, 16, 4], batch_size=8, seed=1)
    model = tp.convert(data, batch_size=8, config=tp.TinyPropConfig.full())
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(3, 8)).astype(np.float32), generator.integers(4, size=3)
    expected, value = tensorflow_step(model, x, y, model.loss, 1, 0.2)
    trainer = tp.Trainer(model)
    logs = trainer.fit(x, y, learning_rate=0.2, verbose=False).history
    assert logs["loss"][0] == pytest.approx(value, rel=1e-5) and logs["non_finite"] == [0]
    assert_weights_close(trainer.get_weights(), expected, 1e-5)
    assert trainer.predict(x).shape == (3, 4)
    assert trainer.evaluate(x, y)["accuracy"] == np.mean(trainer.predict(x).argmax(axis=1) == y)


def test_one_hot_labels_and_regression_report_what_they_can(samples):
    data = dense_classifier([8, 16, 4], seed=1)
    one_hot = np.eye(4)[samples[1]]
    trainer = tp.Trainer(tp.convert(data, loss="categorical_crossentropy"))
    assert set(trainer.evaluate(samples[0], one_hot)) == {"loss", "accuracy"}
    plain = dense_classifier([8, 16, 4], seed=1, softmax=False)
    trainer = tp.Trainer(tp.convert(plain, loss="mse"))
    assert set(trainer.evaluate(samples[0], one_hot)) == {"loss"}


# Learning rates -------------------------------------------------------------------------------------

def test_keras_schedules_and_functions(model, samples):
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(
        0.001, decay_steps=30, warmup_target=0.1, warmup_steps=10)
    recorder, trainer = _RateRecorder(), tp.Trainer(model)
    trainer.fit(*samples, learning_rate=schedule, callbacks=[recorder], verbose=False)
    np.testing.assert_allclose(recorder.rates, [float(schedule(step)) for step in range(40)], rtol=1e-5)
    trainer.fit(*samples, learning_rate=lambda step: step / 1000, callbacks=[recorder], verbose=False)
    np.testing.assert_allclose(recorder.rates[40:], np.arange(40, 80) / 1000, rtol=1e-6)
    assert trainer.step == 80 - (recorder.rates[:40] == 0).sum()


class _RateRecorder(tp.Callback):
    def __init__(self):
        self.rates = np.zeros(0)

    def on_steps(self, results):
        self.rates = np.concatenate([self.rates, results.learning_rates])


@pytest.mark.parametrize(("rate", "message"), [
    (np.nan, "nan"), (-0.1, "not negative"), (np.inf, "inf"), ("fast", "'fast'"),
    (lambda step: np.nan if step == 17 else 0.1, "step 17 is nan"),
])
def test_a_learning_rate_that_cannot_be_is_refused_before_training(trainer, samples, rate, message):
    before = bits(trainer.get_weights())
    with pytest.raises(ConfigError, match=message):
        trainer.fit(*samples, learning_rate=rate, verbose=False)
    assert bits(trainer.get_weights()) == before


# Callbacks ------------------------------------------------------------------------------------------

def test_callbacks_are_called_as_keras_does(trainer, samples):
    calls = []

    class Probe(tp.Callback):
        def on_train_begin(self, logs=None):
            calls.append("train")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"epoch {epoch}")

        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)
            assert self.model is trainer and "loss" in logs

        def on_train_end(self, logs=None):
            calls.append("end")

    trainer.fit(samples[0][:3], samples[1][:3], epochs=2, callbacks=[Probe()], verbose=False)
    assert calls == ["train", "epoch 0", 0, 1, 2, "epoch 1", 0, 1, 2, "end"]


def test_early_stopping_of_keras(trainer, samples, tmp_path):
    import keras

    log = tmp_path / "log.csv"
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, mode="max", restore_best_weights=True)
    history = trainer.fit(*samples, epochs=20, learning_rate=0.05, validation_data=samples, verbose=False,
                          callbacks=[stop, keras.callbacks.CSVLogger(log)])
    assert 1 < len(history.epoch) < 20
    # The "best" of a maximised loss is the first epoch's.
    assert trainer.evaluate(*samples)["loss"] == pytest.approx(history.history["val_loss"][0])
    assert log.read_text().splitlines()[0].startswith("epoch,accuracy")


def test_ctrl_c_leaves_a_usable_trainer(model, samples):
    class Interrupt(tp.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 24:
                os.kill(os.getpid(), signal.SIGINT)

    trainer, other = tp.Trainer(model), tp.Trainer(model)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*samples, learning_rate=0.1, shuffle=False, callbacks=[Interrupt()], verbose=False)
    assert trainer.step == 25
    other.fit(samples[0][:25], samples[1][:25], learning_rate=0.1, shuffle=False, verbose=False)
    assert bits(trainer.get_weights()) == bits(other.get_weights())
    trainer.fit(*samples, verbose=False)


def interrupt_after(monkeypatch, session, call: int, exception=KeyboardInterrupt) -> list[str]:
    """Makes a session's call number `call` raise when it is done, as Ctrl-C does: native code is not interrupted.

    Returns the list of calls made so far.
    """
    calls = []

    def wrapped(name, original):
        def run(*arguments):
            result = original(*arguments)
            calls.append(name)
            if len(calls) == call:
                raise exception
            return result

        return run

    for name in ("set_input", "invoke", "output"):
        monkeypatch.setattr(session, name, wrapped(name, getattr(session, name)))
    return calls


@pytest.mark.parametrize(("batch_size", "samples"), [(1, 3), (4, 8), (4, 10)], ids=["single", "full", "padded"])
def test_ctrl_c_at_any_moment(monkeypatch, batch_size, samples):
    """The weights, and the step count, are those of the last finished step, and training can go on."""
    model = tp.convert(dense_classifier([8, 6, 4], seed=1, batch_size=batch_size), batch_size=batch_size)
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(samples, 8)).astype(np.float32), generator.integers(4, size=samples)
    fit = {"learning_rate": 0.1, "shuffle": False, "verbose": False}
    reference = tp.Trainer(model)
    after = [bits(reference._values())]
    for start in range(0, samples, batch_size):
        reference.fit(x[start : start + batch_size], y[start : start + batch_size], **fit)
        after.append(bits(reference._values()))
    assert len(set(map(tuple, after))) == len(after)  # every step changes something

    call, finished = 0, 0
    while True:
        call += 1
        trainer = tp.Trainer(model)
        with monkeypatch.context() as patches:
            calls = interrupt_after(patches, trainer._session, call)
            try:
                trainer.fit(x, y, **fit)
            except KeyboardInterrupt:
                pass
        finished = calls.count("invoke")
        assert trainer.step == finished
        assert bits(trainer._values()) == after[finished]
        if len(calls) < call:
            break  # this one came to its end
        if finished * batch_size < samples:
            trainer.fit(x[finished * batch_size :], y[finished * batch_size :], **fit)
        assert bits(trainer._values()) == after[-1]
    assert finished == len(after) - 1 and call > 6 * finished


def test_an_invoke_that_fails_is_no_step(model, samples, monkeypatch):
    trainer = tp.Trainer(model)
    interrupt_after(monkeypatch, trainer._session, 4, RuntimeError)  # two inputs and the control come before
    with pytest.raises(RuntimeError):
        trainer.fit(*samples, verbose=False)
    assert trainer.step == 0


# Weights --------------------------------------------------------------------------------------------

def test_saved_weights_continue_exactly(model, samples, tmp_path):
    config = tp.TinyPropConfig.v2()
    first = tp.Trainer(model, config=config)
    first.fit(*samples, learning_rate=0.05, seed=1, verbose=False)
    path = first.save_weights(tmp_path / "w.bin")
    with pytest.raises(FileExistsError):
        first.save_weights(path)
    second = tp.Trainer(model, config=config)
    second.load_weights(path)
    assert second.step == first.step == 40
    for trainer in (first, second):
        trainer.fit(*samples, learning_rate=0.05, seed=2, verbose=False)
    assert bits(first._values()) == bits(second._values())


def test_damaged_weights_change_nothing(trainer, model, tmp_path):
    path = trainer.save_weights(tmp_path / "w.bin")
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    before = bits(trainer._values())
    with pytest.raises(ModelError, match="CRC"):
        trainer.load_weights(path)
    assert bits(trainer._values()) == before


def test_get_and_set_weights(trainer, samples):
    values = [w + 1 for w in trainer.get_weights()]
    trainer.set_weights(values)
    assert bits(trainer.get_weights()) == bits(values)
    with pytest.raises(DataError, match="takes 6 arrays, got 1"):
        trainer.set_weights(values[:1])
    with pytest.raises(DataError, match="shape"):
        trainer.set_weights([values[1], *values[1:]])


def test_to_tflite_runs_in_tensorflow_lite_with_the_same_outputs(trainer, samples, tmp_path):
    import tensorflow as tf

    trainer.fit(*samples, learning_rate=0.1, epochs=3, verbose=False)
    path = tmp_path / "tuned.tflite"
    data = trainer.to_tflite(path)
    assert path.read_bytes() == data
    with pytest.raises(FileExistsError):
        trainer.to_tflite(path)
    lite = tf.lite.Interpreter(model_content=data)
    lite.allocate_tensors()
    for x, expected in zip(samples[0], trainer.predict(samples[0]), strict=True):
        lite.set_tensor(lite.get_input_details()[0]["index"], x[None])
        lite.invoke()
        np.testing.assert_allclose(lite.get_tensor(lite.get_output_details()[0]["index"])[0], expected, atol=1e-6)


def test_a_tuned_model_can_be_converted_again(trainer, samples):
    trainer.fit(*samples, learning_rate=0.1, verbose=False)
    again = tp.convert(trainer.to_tflite())
    assert bits(again.initial_values()[:-1]) == bits(trainer.get_weights())


def test_to_keras(keras_classifier, tmp_path):
    model = tp.convert(keras_classifier, trainable_layers=["second", "last"], batch_size=2)
    trainer = tp.Trainer(model, config=tp.TinyPropConfig.full())
    x = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    before = keras_classifier.get_weights()
    trainer.fit(x, np.arange(10) % 3, epochs=3, learning_rate=0.1, verbose=False)
    tuned = trainer.to_keras()
    np.testing.assert_allclose(tuned(x), trainer.predict(x), rtol=1e-5, atol=1e-6)
    assert bits(keras_classifier.get_weights()) == bits(before)
    assert bits(tuned.get_layer("first").get_weights()) == bits(keras_classifier.get_layer("first").get_weights())

    loaded = tp.Trainer(tp.load(model.save(tmp_path / "m.tflite")))
    with pytest.raises(ModelError, match="pass the architecture"):
        loaded.to_keras()
    np.testing.assert_array_equal(loaded.to_keras(keras_classifier)(x), keras_classifier(x))


# Bad input ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("x", "message"), [
    (np.zeros((4, 9)), r"'input'.*\(4, 9\).*\(samples, 8\)"),
    (np.zeros(8), "shape"),
    (np.zeros((0, 8)), "empty"),
    (np.array([["a"] * 8]), "dtype <U1"),
    (np.zeros((4, 8), complex), "complex"),
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
    (np.array(["a"] * 4), "dtype"),
])
def test_bad_labels(trainer, y, message):
    with pytest.raises(DataError, match=message):
        trainer.fit(np.zeros((4, 8)), y, verbose=False)


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


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_an_arena_that_is_too_small_says_how_much_it_needs(model, share):
    arena_bytes = int(share * model.arena_bytes)
    with pytest.raises(ArenaError, match=f"{arena_bytes} bytes is too small.*needs {model.arena_bytes} bytes"):
        tp.Trainer(model, arena_bytes=arena_bytes)


def test_the_measured_arena_is_enough(model, samples):
    trainer = tp.Trainer(model, arena_bytes=model.arena_bytes)
    trainer.fit(*samples, verbose=False)
    parameters = 4 * model.trainable_parameters
    assert parameters < model.arena_bytes < parameters + 25_000


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
