"""Trainer: Keras' interface over the interpreter."""

import numpy as np
import pytest
from support import assert_weights_close, bits, tensorflow_step

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ConfigError, DataError, ModelError
from tflm_tinyprop.format import weight_record
from tflm_tinyprop.models.tiny_models import dense_classifier
from tflm_tinyprop.training.metrics import predicted_classes


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


@pytest.mark.parametrize("layers", ["all", ["dense_1", "dense_3"], 1])
def test_effort_counts_what_was_done(samples, layers):
    model = tp.convert(dense_classifier([8, 16, 12, 4], seed=1), trainable_layers=layers)
    recorder, trainer = tp.StepRecorder(), tp.Trainer(model, config=tp.TinyPropConfig.v1(s_min=0.3))
    logs = trainer.fit(*samples, callbacks=[recorder], seed=1, verbose=False).history
    costs = np.array([l.update_macs + l.hand_down_macs for l in model.training.layers])
    done = (recorder.gradients_kept * costs[None, :, None]).sum()
    np.testing.assert_allclose(recorder.macs, (recorder.gradients_kept * costs[None, :, None]).sum(axis=(1, 2)))
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


def test_a_sample_that_is_not_finite_is_left_out_of_the_mean(trainer, samples):
    """Also without training, where no sample is judged."""
    x, y = samples[0].copy(), samples[1]
    x[7, 0] = np.nan
    others = np.arange(40) != 7
    expected = trainer.evaluate(x[others], y[others])
    found = trainer.evaluate(x, y)
    assert found["loss"] == pytest.approx(expected["loss"])
    assert found["accuracy"] == pytest.approx(expected["accuracy"] * 39 / 40, abs=1 / 40)
    logs = trainer.fit(x, y, learning_rate=0.0, verbose=False).history
    assert logs["loss"] == [pytest.approx(expected["loss"])] and logs["non_finite"] == [1]
    recorder = tp.StepRecorder()
    trainer.config = tp.TinyPropConfig.v2()
    logs = trainer.fit(x, y, epochs=5, learning_rate=0.1, callbacks=[recorder], seed=0, verbose=False).history
    skipped = (recorder.status == tp.SampleStatus.SKIPPED).reshape(5, 40).mean(axis=1)
    assert skipped.max() > 0.1 and logs["skip_rate"] == pytest.approx(skipped) and logs["non_finite"] == [1] * 5


def test_padding_is_an_ordinary_sample_where_nothing_is_trained():
    """Its label closes a gate by a loss that is NaN; without training there is nothing to close."""
    model = tp.convert(dense_classifier([8, 4], batch_size=4, seed=1), batch_size=4)
    recorder = tp.StepRecorder()
    x, y = np.ones((6, 8), np.float32), np.zeros(6, int)
    tp.Trainer(model).fit(x, y, learning_rate=0.0, callbacks=[recorder], verbose=False)
    assert np.isfinite(recorder.loss).all() and (recorder.status == tp.SampleStatus.INFERENCE).all()
    tp.Trainer(model).fit(x, y, learning_rate=0.1, callbacks=[recorder], verbose=False)
    assert np.isnan(recorder.loss[3]).tolist() == [False, False, True, True]


def test_accuracy_of_one_hot_labels(samples):
    data = dense_classifier([8, 16, 4], seed=1)
    one_hot = tp.Trainer(tp.convert(data, loss="categorical_crossentropy"))
    by_index = tp.Trainer(tp.convert(data))
    expected = by_index.evaluate(*samples)
    found = one_hot.evaluate(samples[0], np.eye(4)[samples[1]])
    assert 0 < expected["accuracy"] < 1 and found == pytest.approx(expected)


def test_one_hot_labels_and_regression_report_what_they_can(samples):
    data = dense_classifier([8, 16, 4], seed=1)
    one_hot = np.eye(4)[samples[1]]
    trainer = tp.Trainer(tp.convert(data, loss="categorical_crossentropy"))
    assert set(trainer.evaluate(samples[0], one_hot)) == {"loss", "accuracy"}
    plain = dense_classifier([8, 16, 4], seed=1, softmax=False)
    trainer = tp.Trainer(tp.convert(plain, loss="mse"))
    assert set(trainer.evaluate(samples[0], one_hot)) == {"loss"}


def test_nan_is_never_right(samples):
    """Weights so large that the outputs are NaN: the loss says so, and the accuracy is 0 whatever the labels."""
    data = dense_classifier([8, 16, 4], seed=1)
    for loss, labels in (("sparse_categorical_crossentropy", np.zeros(40, int)),
                         ("categorical_crossentropy", np.eye(4)[np.zeros(40, int)])):
        trainer = tp.Trainer(tp.convert(data, loss=loss))
        trainer.set_weights([w * np.float32(1e38) for w in trainer.get_weights()])
        x = samples[0]
        assert np.isnan(trainer.predict(x)).any(axis=1).all()
        found = trainer.evaluate(x, labels)
        assert np.isnan(found["loss"]) and found["accuracy"] == 0


def test_predicted_classes():
    outputs = np.array([[1, 3, 3], [np.nan, 0, 1], [0, np.nan, -1], [-np.inf, np.inf, 0]], np.float32)
    assert predicted_classes(outputs).tolist() == [1, -1, -1, 1]
    assert predicted_classes(outputs[None]).tolist() == [[1, -1, -1, 1]]
    assert predicted_classes(np.array([[-128, 5, 5]], np.int8)).tolist() == [1]


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


def test_every_step_has_its_own_rate(model):
    """Over several epochs, and more steps than are run at a time."""
    x, y = np.zeros((100, 8), np.float32), np.zeros(100, int)
    recorder, trainer = _RateRecorder(), tp.Trainer(model, config=tp.TinyPropConfig.full())
    x[:, 0], y[:] = 1, np.arange(100) % 4
    trainer.fit(x, y, epochs=2, learning_rate=lambda step: 0.001 * (step + 1), callbacks=[recorder], shuffle=False,
                verbose=False)
    expected = 0.001 * np.arange(1, 201)
    np.testing.assert_allclose(recorder.rates, expected, rtol=1e-6)
    assert recorder.first_steps == [0, 64, 100, 164]
    other = tp.Trainer(model, config=tp.TinyPropConfig.full())
    for step, rate in enumerate(expected):
        other.train_on_batch(x[step % 100][None], y[step % 100][None], learning_rate=float(np.float32(rate)))
    assert bits(trainer.get_weights()) == bits(other.get_weights())


class _RateRecorder(tp.Callback):
    def __init__(self):
        self.rates = np.zeros(0)
        self.first_steps = []

    def on_steps(self, results):
        self.rates = np.concatenate([self.rates, results.learning_rates])
        self.first_steps.append(results.first_step)


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

        def on_train_batch_begin(self, batch, logs=None):
            calls.append(f"begin {batch}")

        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)
            assert self.model is trainer and "loss" in logs

        def on_test_begin(self, logs=None):
            calls.append("test")

        def on_test_end(self, logs=None):
            calls.append(sorted(logs))

        def on_train_end(self, logs=None):
            calls.append("end")

    x, y = samples[0][:3], samples[1][:3]
    trainer.fit(x, y, epochs=2, callbacks=[Probe()], validation_data=(x, y), verbose=False)
    batches = ["begin 0", 0, "begin 1", 1, "begin 2", 2, "test", ["accuracy", "loss"]]
    assert calls == ["train", "epoch 0", *batches, "epoch 1", *batches, "end"]


def test_functions_given_to_keras_are_called(trainer, samples):
    """LambdaCallback has them as attributes of the object, under a class that defines them all."""
    import keras

    batches, epochs = [], []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch),
                                              on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    trainer.fit(samples[0][:3], samples[1][:3], callbacks=[callback], verbose=False)
    assert batches == [0, 1, 2] and epochs == [0]


def test_training_can_be_stopped_and_taken_up_again(trainer, samples):
    class Stop(tp.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert trainer.fit(*samples, epochs=3, callbacks=[Stop()], verbose=False).epoch == [0]
    assert trainer.fit(*samples, epochs=3, initial_epoch=1, verbose=False).epoch == [1, 2]
    for epochs in (1, -1, 2.0, True):
        with pytest.raises(ConfigError, match="epochs must be an integer of at least 2"):
            trainer.fit(*samples, epochs=epochs, initial_epoch=2, verbose=False)


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
    trainer.fit(*samples, learning_rate=0.05, verbose=False)
    maxima = trainer._values()[-1]
    trainer.set_weights(values)
    assert trainer.step == 40 and maxima[0] > 0 and bits([trainer._values()[-1]]) == bits([maxima])
    with pytest.raises(DataError, match="takes 6 arrays, got 1"):
        trainer.set_weights(values[:1])
    for other in (values[1], [[1.0], [1.0, 2.0]]):
        with pytest.raises(DataError, match="shape"):
            trainer.set_weights([other, *values[1:]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, "heavy"])
def test_weights_that_are_not_finite_are_refused(trainer, model, tmp_path, value):
    before = bits(trainer._values())
    values = [w.astype(np.float64) for w in trainer.get_weights()]
    values[3] = np.full(values[3].shape, value)
    name = r"array 3 \(\w+, bias\)"
    with pytest.raises(DataError, match=f"set_weights got values for {name} that are no finite float32"):
        trainer.set_weights(values)
    if isinstance(value, float):
        path, all_values = tmp_path / "w.bin", trainer._values()
        with np.errstate(over="ignore"):
            all_values[3] = values[3].astype(np.float32)
        path.write_bytes(weight_record.pack(model.training, weight_record.WeightRecord(all_values, 1)))
        with pytest.raises(ModelError, match=f"w.bin holds values for {name} that are not finite"):
            trainer.load_weights(path)
    assert bits(trainer._values()) == before and trainer.step == 0


def test_running_maxima_that_are_not_finite_are_loaded_and_replaced(model, samples, tmp_path):
    trainer, path = tp.Trainer(model, config=tp.TinyPropConfig.v2()), tmp_path / "w.bin"
    values = trainer._values()
    values[-1][:] = np.inf
    path.write_bytes(weight_record.pack(model.training, weight_record.WeightRecord(values, 1)))
    trainer.load_weights(path)
    logs = trainer.fit(*samples, learning_rate=0.01, verbose=False).history
    maxima = trainer._values()[-1]  # the last is not used: the output layer has the decision's
    assert np.isfinite(maxima[:-1]).all() and logs["skip_rate"][0] < 1


def test_the_step_count_of_a_record_stops_where_it_has_no_more_digits(trainer, model, tmp_path):
    path = tmp_path / "w.bin"
    path.write_bytes(weight_record.pack(model.training, weight_record.WeightRecord(trainer._values(), 2**32 + 5)))
    trainer.load_weights(path)
    assert trainer.step == 2**32 - 1


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


def test_to_keras_needs_the_layers_of_the_model(keras_classifier):
    import keras

    layers = keras.layers
    trainer = tp.Trainer(tp.convert(keras_classifier, trainable_layers=["last"]))
    for name, units, use_bias, message in (("other", 3, True, "no layer 'last'; its layers are first, second, other"),
                                           ("last", 4, True, "kernel of layer 'last' has shape .4, 4. in Keras"),
                                           ("last", 3, False, "layer 'last' of the Keras model has no bias")):
        wrong = keras.Sequential([keras.Input((6,)), layers.Dense(5, name="first"), layers.Dense(4, name="second"),
                                  layers.Dense(units, use_bias=use_bias, name=name)])
        with pytest.raises(ModelError, match=message):
            trainer.to_keras(wrong)
