"""State of a model's own ops: no sample depends on the one before it, or a stream goes on, and nothing else changes either."""

import functools

import numpy as np
import pytest
import stateful_models as models
from support import bits

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ConfigError, DataError
from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import read_graph
from tflm_tinyprop.host.session import Session

KINDS = {
    "lstm": (models.lstm, models.lstm_outputs, (models.STEPS, models.FEATURES)),
    "svdf": (models.svdf, models.svdf_outputs, (models.FEATURES,)),
    "resource variable": (models.delayed, models.delayed_outputs, (models.FEATURES,)),
    "int8 variable": (functools.partial(models.quantized_memory, np.int8, -7), models.quantized_memory_outputs, (models.FEATURES,)),
    "int16 variable": (functools.partial(models.quantized_memory, np.int16, 0), models.quantized_memory_outputs, (models.FEATURES,)),
    "float variable": (functools.partial(models.lstm, seed=9), models.lstm_outputs, (models.STEPS, models.FEATURES)),
}
LOSS = "mean_squared_error"


@pytest.fixture(params=KINDS)
def kind(request):
    make, outputs, shape = KINDS[request.param]
    data = make()
    x = np.random.default_rng(4).normal(size=(6, *shape)).astype(np.float32)
    x = np.round(4 * x) / 4  # what the quantised memories hold without an error
    return data, functools.partial(outputs, data), x


def converted(data: bytes, *, config: tp.TinyPropConfig | None = None, **options) -> tp.Trainer:
    return tp.Trainer(tp.convert(data, loss=LOSS, config=config or tp.TinyPropConfig.full(), trainable_layers=["last"], **options))


def test_a_sample_does_not_depend_on_the_one_before(kind):
    data, outputs, x = kind
    trainer = converted(data)
    expected = outputs(x, is_stream=False)[1]
    np.testing.assert_allclose(trainer.predict(x), expected, rtol=1e-5, atol=1e-5)
    assert bits(trainer.predict(x[::-1])) == bits(trainer.predict(x)[::-1])
    assert bits(trainer.predict_stream(x)) == bits(trainer.predict(x))
    assert trainer.model.training.model_state == metadata.RESET_STATE
    assert not trainer.model.stateful


def test_a_stream_goes_on_until_it_is_reset(kind):
    data, outputs, x = kind
    trainer = converted(data, stateful=True)
    expected = outputs(x, is_stream=True)[1]
    parts = [trainer.predict_stream(x[:2]), trainer.predict_stream(x[2:3]), trainer.predict_stream(x[3:])]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(trainer.predict_stream(x) - expected).max() > 1e-3
    trainer.reset_state()
    np.testing.assert_allclose(trainer.predict_stream(x), expected, rtol=1e-5, atol=1e-5)
    assert trainer.model.training.model_state == metadata.KEPT_STATE
    assert trainer.model.stateful


def test_predict_sees_a_stream_from_its_beginning(kind):
    data, outputs, x = kind
    trainer = converted(data, stateful=True)
    for _ in range(2):
        np.testing.assert_allclose(trainer.predict(x), outputs(x, is_stream=True)[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stateful", [False, True])
def test_steps_are_those_of_a_stream_or_of_samples_alone(kind, stateful):
    """SGD on the dense layer, from the features that the frozen ops compute."""
    data, outputs, x = kind
    trainer, targets = converted(data, stateful=stateful), np.random.default_rng(7).normal(size=(len(x), models.CLASSES))
    features = outputs(x, is_stream=stateful)[0]
    kernel, bias = (w.astype(np.float64) for w in trainer.get_weights())
    for sample, target, feature in zip(x, targets.astype(np.float32), features, strict=True):
        trainer.train_on_batch(sample[None], target[None], learning_rate=0.1)
        delta = 2 / models.CLASSES * (kernel @ feature + bias - target)
        kernel, bias = kernel - 0.1 * np.outer(delta, feature), bias - 0.1 * delta
    for actual, expected in zip(trainer.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def everything(trainer: tp.Trainer) -> list:
    return [bits(values) for values in trainer._values()] + [trainer.step, trainer.config]


@pytest.mark.parametrize("stateful", [False, True])
def test_predict_and_evaluate_change_nothing(kind, stateful):
    data, _, x = kind
    y = np.random.default_rng(8).normal(size=(len(x), models.CLASSES)).astype(np.float32)
    trainer, undisturbed = (converted(data, config=tp.TinyPropConfig.v2(), stateful=stateful) for _ in range(2))
    for i in range(len(x)):
        before = everything(trainer)
        first = trainer.predict(x)
        evaluated = trainer.evaluate(x, y)
        assert bits(trainer.predict(x)) == bits(first)
        assert trainer.evaluate(x, y) == evaluated
        assert everything(trainer) == before
        # The state is what it would have been: so is the next step, to the last bit.
        logs = [t.train_on_batch(x[i : i + 1], y[i : i + 1], learning_rate=0.05) for t in (trainer, undisturbed)]
        assert logs[0] == logs[1]
        assert everything(trainer) == everything(undisturbed)


def test_reset_state_changes_the_state_and_nothing_else(kind):
    data, _, x = kind
    y = np.zeros((1, models.CLASSES), np.float32)
    trainer = converted(data, stateful=True)
    trainer.train_on_batch(x[:1], y, learning_rate=0.05)
    before = everything(trainer)
    trainer.reset_state()
    assert everything(trainer) == before
    assert bits(trainer.predict_stream(x)) == bits(trainer.predict(x))
    assert everything(trainer) == before


def test_every_epoch_is_the_stream_from_its_beginning(kind):
    data, _, x = kind
    y = np.random.default_rng(8).normal(size=(len(x), models.CLASSES)).astype(np.float32)
    trainer, by_hand = converted(data, stateful=True), converted(data, stateful=True)
    trainer.predict_stream(x[3:])
    trainer.fit(x, y, epochs=2, learning_rate=0.05, validation_data=(x, y), verbose=False)
    for _ in range(2):
        by_hand.reset_state()
        for i in range(len(x)):
            by_hand.train_on_batch(x[i : i + 1], y[i : i + 1], learning_rate=0.05)
    assert everything(trainer) == everything(by_hand)
    # What validation has seen is no part of the stream.
    assert bits(trainer.predict_stream(x)) == bits(by_hand.predict_stream(x))


@pytest.mark.parametrize("load", ["set_weights", "reset", "load_weights"])
def test_other_weights_begin_a_new_stream(kind, load, tmp_path):
    data, _, x = kind
    trainer = converted(data, stateful=True)
    trainer.predict_stream(x)
    if load == "set_weights":
        trainer.set_weights(trainer.get_weights())
    elif load == "reset":
        trainer.reset()
    else:
        trainer.load_weights(trainer.save_weights(tmp_path / "weights"))
    assert bits(trainer.predict_stream(x)) == bits(trainer.predict(x))


def test_the_exported_model_is_the_one_that_came(kind):
    """Its state is kept, as it was: what resets it is gone."""
    data, outputs, x = kind
    for stateful in (False, True):
        exported = converted(data, stateful=stateful).to_tflite()
        graph, original = read_graph(exported), read_graph(data)
        assert [op.kind for op in graph.ops] == [op.kind for op in original.ops]
        assert [len(part.ops) for part in graph.subgraphs] == [len(part.ops) for part in original.subgraphs]
        assert [t.name for t in graph.tensors] == [t.name for t in original.tensors]
        np.testing.assert_allclose(run_as_it_is(exported, x), outputs(x, is_stream=True)[1], rtol=1e-5, atol=1e-5)


def run_as_it_is(data: bytes, x: np.ndarray) -> np.ndarray:
    session = Session(data, 100_000)
    results = []
    for sample in x:
        session.set_input(sample[None], 0)
        session.invoke()
        results.append(session.output(0)[0])
    return np.array(results)


def test_a_file_says_whether_it_keeps_state(kind, tmp_path):
    data, _, x = kind
    for stateful in (False, True):
        trainer = converted(data, stateful=stateful)
        loaded = tp.Trainer(tp.load(trainer.model.save(tmp_path / f"{stateful}.tflite")))
        assert loaded.model.stateful == stateful
        assert bits(loaded.predict_stream(x)) == bits(trainer.predict_stream(x))


def test_a_model_without_state_has_none_to_keep(plain_tflite):
    for stateful in (False, True):
        model = tp.convert(plain_tflite, stateful=stateful)
        assert model.training.model_state == metadata.NO_STATE
        assert not model.stateful
    assert tp.convert(plain_tflite).data == tp.convert(plain_tflite, stateful=True).data


@pytest.mark.parametrize("make", [models.lstm, models.svdf, models.delayed])
def test_each_place_of_a_batch_has_its_own_state(make):
    """Two streams side by side are the two streams alone."""
    alone, both = converted(make(), stateful=True), converted(make(batch=2), stateful=True, batch_size=2)
    shape = both.model.inputs[0].shape[1:]
    streams = np.random.default_rng(3).normal(size=(2, 4, *shape)).astype(np.float32)
    expected = np.stack([alone.predict(stream) for stream in streams])
    side_by_side = both.predict(streams.swapaxes(0, 1).reshape(8, *shape)).reshape(4, 2, -1).swapaxes(0, 1)
    np.testing.assert_allclose(side_by_side, expected, rtol=1e-5, atol=1e-6)
    samples_alone = converted(make()), converted(make(batch=2), batch_size=2)
    expected, actual = (trainer.predict(streams.reshape(8, *shape)[:5]) for trainer in samples_alone)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_a_stream_is_neither_shuffled_nor_cut():
    trainer = converted(models.lstm(batch=2), stateful=True, batch_size=2)
    x, y = np.zeros((4, models.STEPS, models.FEATURES), np.float32), np.zeros((4, models.CLASSES), np.float32)
    with pytest.raises(ConfigError, match="cannot be shuffled.*stateful=False"):
        trainer.fit(x, y, shuffle=True, verbose=False)
    for call in (lambda: trainer.predict(x[:3]), lambda: trainer.evaluate(x[:3], y[:3]), lambda: trainer.predict_stream(x[:1]),
                 lambda: trainer.train_on_batch(x[:1], y[:1]), lambda: trainer.fit(x[:3], y[:3], verbose=False)):
        with pytest.raises(DataError, match="not a whole number of batches of 2"):
            call()
    trainer.fit(x, y, shuffle=False, verbose=False)
    stateless = converted(models.lstm())
    stateless.fit(x, y, shuffle=True, verbose=False)


def test_an_interrupted_step_has_begun_the_stream(monkeypatch):
    """Ctrl-C arrives behind the invoke: the state is that of the sample, which the next one must not reset."""
    x = np.random.default_rng(0).normal(size=(2, models.STEPS, models.FEATURES)).astype(np.float32)
    trainer = converted(models.lstm(), stateful=True)
    expected = trainer.predict(x)
    invoke = trainer._session.invoke

    def interrupted():
        invoke()
        raise KeyboardInterrupt

    trainer._session.invoke = interrupted
    with pytest.raises(KeyboardInterrupt):
        trainer.predict_stream(x[:1])
    trainer._session.invoke = invoke
    assert bits(trainer.predict_stream(x[1:])) == bits(expected[1:])


def test_a_step_that_failed_has_not(monkeypatch):
    x = np.random.default_rng(0).normal(size=(2, models.STEPS, models.FEATURES)).astype(np.float32)
    trainer = converted(models.lstm(), stateful=True)
    trainer.predict_stream(x[1:])
    trainer.reset_state()
    invoke = trainer._session.invoke

    def fails():
        raise RuntimeError("no memory")

    trainer._session.invoke = fails
    with pytest.raises(RuntimeError, match="no memory"):
        trainer.predict_stream(x)
    trainer._session.invoke = invoke
    assert bits(trainer.predict_stream(x)) == bits(trainer.predict(x))
