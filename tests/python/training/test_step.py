"""Training steps in the real interpreter against TensorFlow and against the NumPy reference."""

import itertools

import numpy as np
import pytest
from support import (
    ACTIVATIONS,
    assert_weights_close,
    bits,
    kernels_and_biases,
    labels_for,
    reference_of,
    reference_weights,
    tensorflow_step,
)

import tflm_tinyprop as tp
from tflm_tinyprop.format.graph import read_graph, write_graph
from tflm_tinyprop.format.losses import LOSS_KINDS, LOSS_NAMES
from tflm_tinyprop.models.tiny_models import dense_classifier
from tflm_tinyprop.reference import ReferenceNetwork, network

UNITS = [7, 12, 9, 5]


def build(activation=1, use_bias=True, batch_size=1, loss=LOSS_NAMES[0], seed=0, units=UNITS, **options):
    data = dense_classifier(units, activation=activation, use_bias=use_bias, batch_size=batch_size, seed=seed,
                            softmax=LOSS_KINDS[loss].passes_over == "SOFTMAX")
    return tp.convert(data, loss=loss, batch_size=batch_size, **options)


@pytest.mark.parametrize(("activation", "use_bias", "batch_size", "loss"),
                         list(itertools.product(ACTIVATIONS, (True, False), (1, 8), LOSS_NAMES)))
def test_full_equals_one_sgd_step_of_keras(activation, use_bias, batch_size, loss):
    seed = 1 + activation
    print(f"seed {seed}")
    generator = np.random.default_rng(seed)
    model = build(activation, use_bias, batch_size, loss, seed, config=tp.TinyPropConfig.full())
    x = 2 * generator.normal(size=(batch_size, UNITS[0])).astype(np.float32)
    y = labels_for(loss, UNITS[-1], batch_size, generator)
    expected, value = tensorflow_step(model, x, y, loss, activation, learning_rate=0.3)

    trainer = tp.Trainer(model)
    logs = trainer.train_on_batch(x, y, learning_rate=0.3)
    assert logs["loss"] == pytest.approx(value, rel=1e-5)
    assert logs["backward_effort"] <= 1
    assert_weights_close(trainer.get_weights(), expected, 1e-5)
    assert bits(trainer.get_weights()) != bits(w for pair in kernels_and_biases(model) for w in pair if w is not None)


def test_all_gradients_equal_dense_bit_for_bit():
    """k = n against a dense float32 update, written out for one linear layer."""
    model = build(units=[33, 17], loss="mean_squared_error", config=tp.TinyPropConfig.full())
    trainer = tp.Trainer(model)
    kernel, bias = kernels_and_biases(model)[0]
    generator = np.random.default_rng(3)
    for _ in range(20):
        x, y = (generator.normal(size=(1, n)).astype(np.float32) for n in (33, 17))
        delta = np.float32(2) * (np.float32(1) / np.float32(17)) * (trainer.predict(x) - y)
        change = -np.float32(0.05) * delta
        kernel, bias = kernel + change.T * x, bias + change[0]
        trainer.train_on_batch(x, y, learning_rate=0.05)
        assert bits(trainer.get_weights()) == bits([kernel, bias])


@pytest.mark.parametrize(("batch_size", "config"), [
    (1, tp.TinyPropConfig.v2()),
    (1, tp.TinyPropConfig.v2(s_min=0.1, s_max=0.6, zeta=0.9, d_max=1.4, decay=0.99)),
    (8, tp.TinyPropConfig.v2()),
    (1, tp.TinyPropConfig.top_k(0.3)),
    (4, tp.TinyPropConfig.v1(s_min=0.2)),
])
def test_200_steps_follow_the_reference(batch_size, config):
    seed = 21
    print(f"seed {seed}")
    generator = np.random.default_rng(seed)
    units = [16, 24, 20, 12, 6]
    model = build(batch_size=batch_size, units=units, seed=seed, config=config)
    reference, trainer = reference_of(model), tp.Trainer(model)
    samples = generator.normal(size=(5, batch_size, units[0])).astype(np.float32)
    labels = generator.integers(units[-1], size=(5, batch_size))
    skipped = 0
    for step in range(200):
        x, y = samples[step % 5], labels[step % 5]  # few enough to be learnt, so that some are skipped
        recorder = tp.StepRecorder()
        trainer.fit(x, y, learning_rate=0.05, shuffle=False, callbacks=[recorder], verbose=False)
        expected = reference.train_step(x, y, config, 0.05)
        np.testing.assert_array_equal(recorder.status[0], expected.status, err_msg=f"step {step}")
        np.testing.assert_array_equal(recorder.gradients_kept[0], expected.k, err_msg=f"step {step}")
        skipped += int((expected.status == tp.SampleStatus.SKIPPED).sum())
    for actual, wanted in zip(trainer.get_weights(), reference_weights(reference), strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-4)
    if config.threshold > 0:
        assert 0 < skipped < 200 * batch_size


@pytest.mark.parametrize("activation", [1, 2, 3])
@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_the_loss_is_taken_behind_an_activation_that_is_fused_into_the_last_layer(loss, activation):
    graph = read_graph(dense_classifier([7, 5], seed=2, softmax=False))
    graph.ops[0].options.fusedActivationFunction = activation
    model = tp.convert(write_graph(graph), loss=loss, config=tp.TinyPropConfig.full())
    (kernel, bias), generator = kernels_and_biases(model)[0], np.random.default_rng(1)
    x = 4 * generator.normal(size=(1, 7)).astype(np.float32)
    y = labels_for(loss, 5, 1, generator)
    z = (x @ kernel.T + bias).astype(np.float64)
    low, high = {1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}[activation]
    outputs = np.clip(z, low, high)
    assert 0 < ((z > low) & (z < high)).sum() < 5
    _, delta = network.LOSSES[loss](outputs, y)
    delta = np.where((z > low) & (z < high), delta, 0)
    trainer = tp.Trainer(model)
    trainer.train_on_batch(x, y, learning_rate=0.25)
    assert_weights_close(trainer.get_weights(), [kernel - 0.25 * delta.T @ x, bias - 0.25 * delta[0]], 1e-5)


@pytest.mark.parametrize("layers", [["dense_2"], ["dense_1", "dense_3"], 1])
def test_partly_frozen_models_follow_the_reference(layers):
    model = build(trainable_layers=layers)
    everything = build()
    trained = {layer.name for layer in model.training.layers if layer.is_trained}
    reference = reference_of(everything)
    for number, layer in enumerate(reference.layers, start=1):
        layer.train_weights = layer.train_bias = f"dense_{number}" in trained
    reference = ReferenceNetwork(reference.layers, model.loss)
    trainer = tp.Trainer(model)
    generator = np.random.default_rng(8)
    for _ in range(50):
        x, y = generator.normal(size=(1, UNITS[0])).astype(np.float32), generator.integers(UNITS[-1], size=1)
        trainer.train_on_batch(x, y, learning_rate=0.05)
        reference.train_step(x, y, model.config, 0.05)
    kept = [w for layer in reference.layers if layer.train_weights for w in (layer.weights, layer.bias)]
    for actual, wanted in zip(trainer.get_weights(), kept, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-5)


def test_learning_rate_zero_changes_no_bit(model, samples):
    trainer = tp.Trainer(model)
    before = bits(trainer._values())
    trainer.fit(*samples, learning_rate=0.0, epochs=3, verbose=False)
    trainer.predict(samples[0])
    trainer.evaluate(*samples)
    assert bits(trainer._values()) == before
    assert bits(trainer.get_weights()) == bits(model.initial_values()[:-1])
    assert trainer.step == 0


def test_reset_brings_back_the_exported_weights(model, samples):
    trainer = tp.Trainer(model)
    trainer.fit(*samples, learning_rate=0.1, verbose=False)
    assert bits(trainer.get_weights()) != bits(model.initial_values()[:-1])
    trainer.reset()
    assert bits(trainer._values()) == bits(model.initial_values())
    assert trainer.step == 0


def test_reset_of_the_interpreter_itself_does_too(model, samples):
    """Firmware calls MicroInterpreter::Reset: the next invoke copies the constants again."""
    trainer = tp.Trainer(model)
    trainer.fit(*samples, learning_rate=0.1, verbose=False)
    trainer._session.reset()
    trainer.predict(samples[0][:1])
    assert bits(trainer._values()) == bits(model.initial_values())


def test_two_trainers_are_independent(model, samples):
    alone, first, second = tp.Trainer(model), tp.Trainer(model), tp.Trainer(model)
    alone.fit(*samples, learning_rate=0.1, seed=0, verbose=False)
    for _ in range(3):
        second.train_on_batch(samples[0][:1], samples[1][:1], learning_rate=0.5)
    first.fit(*samples, learning_rate=0.1, seed=0, verbose=False)
    assert bits(first.get_weights()) == bits(alone.get_weights()) != bits(second.get_weights())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_sample_that_is_not_finite_changes_nothing_and_is_counted(value, activation):
    model = build(activation)
    trainer = tp.Trainer(model)
    trainer.train_on_batch(np.ones((1, 7), np.float32), [1], learning_rate=0.1)
    before = bits(trainer._values())
    x = np.ones((1, 7), np.float32)
    x[0, 3] = value
    logs = trainer.train_on_batch(x, [0], learning_rate=0.1)
    assert logs["non_finite"] == 1 and logs["backward_effort"] == 0
    assert bits(trainer._values()) == before


def test_in_a_batch_only_the_sample_that_is_not_finite_is_left_out():
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(8, 7)).astype(np.float32), generator.integers(5, size=8)
    x[2, 0] = np.nan
    model = build(batch_size=8, config=tp.TinyPropConfig.full())
    trainer = tp.Trainer(model)
    assert trainer.train_on_batch(x, y, learning_rate=0.1)["non_finite"] == 1
    reference = reference_of(model)
    reference.train_step(x, y, model.config, 0.1)
    assert_weights_close(trainer.get_weights(), reference_weights(reference), 1e-5)


def test_huge_gradients_never_make_a_weight_nan():
    trainer = tp.Trainer(build(activation=3, loss="mean_squared_error"))
    generator = np.random.default_rng(0)
    for scale in (1.0, 1e10, 1e25, 1e38, 1.0):
        x = (scale * generator.normal(size=(1, 7)).clip(-3, 3)).astype(np.float32)
        trainer.train_on_batch(x, scale * np.ones((1, 5), np.float32), learning_rate=1e3)
    assert not any(np.isnan(w).any() for w in trainer.get_weights())


def test_the_first_error_may_be_zero():
    """0 / 0 at the first sample: a perfect prediction is skipped and does no harm."""
    model = build(loss="mean_squared_error", config=tp.TinyPropConfig.v1())
    trainer = tp.Trainer(model)
    x = np.ones((1, 7), np.float32)
    logs = trainer.train_on_batch(x, trainer.predict(x), learning_rate=0.1)
    assert logs["loss"] == 0 and logs["backward_effort"] == 0 and logs["non_finite"] == 0
    assert bits(trainer.get_weights()) == bits(model.initial_values()[:-1])
