"""TinyPropSimulation: Keras' interface, full backpropagation, the variants, the backend of a study, and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from simulated_runs import (
    CLASSES,
    conv_model,
    dense_model,
    largest_difference,
    make_samples,
    norm_model,
    simulation_run,
)

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ConfigError, DataError, ModelError
from tflm_tinyprop.simulate import TinyPropSimulation
from tflm_tinyprop.study.backends import make_backend
from tflm_tinyprop.study.data import Samples
from tflm_tinyprop.study.methods import make_method

FULL = tp.TinyPropConfig.full()


def keras_fit(model, x, y, rate, batch_size: int, epochs: int = 1):
    """A copy trained by Keras' own SGD."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    logits = copy.layers[-1].activation is not keras.activations.softmax
    copy.compile(keras.optimizers.SGD(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=logits),
                 metrics=["accuracy"], jit_compile=False)
    history = copy.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0).history
    return copy, history


def test_nan_is_never_right():
    model = dense_model()
    model.layers[-1].bias.assign(np.full(CLASSES, np.nan))
    x, y = make_samples((16,), 10)[0], np.zeros(10, np.int32)
    simulation = TinyPropSimulation(model, FULL)
    simulation.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    assert np.isnan(simulation.predict(x, verbose=0)).all()
    assert simulation.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] == 0
    assert not simulation.train_steps(x, y, np.zeros(10, np.float32)).correct.any()


def test_the_means_of_a_long_epoch_still_move():
    """After 2^30 samples, where float32 adds nothing to a sum of ones."""
    simulation = TinyPropSimulation(dense_model(), FULL)
    simulation.compile(keras.optimizers.SGD(0.1))
    for metric in simulation.metrics:
        metric.total.assign(2.0**30)
        if metric.name != "non_finite":
            metric.count.assign(2.0**30)
    trackers = simulation._trackers
    for _ in range(2):
        logs = trackers.update(tf.constant([3.0]), tf.constant([2]), tf.constant([True]), tf.zeros((1, 3), tf.int32))
        logs |= trackers.update(tf.constant([3.0]), tf.constant([0]), tf.constant([True]), tf.zeros((1, 3), tf.int32))
    assert float(logs["loss"]) == (2**30 + 6) / (2**30 + 2)
    assert float(logs["non_finite"]) == 2**30 + 2 and float(logs["skip_rate"]) < 1


def test_an_adapted_normalisation_below_keeps_its_statistics():
    """They are no weights, and set_weights() does not bring them along."""
    layers = keras.layers
    x, _ = make_samples((16,), 10)
    norm = layers.Normalization()
    norm.adapt(3 * x + 1)
    model = keras.Sequential([keras.Input((16,)), norm, layers.Dense(CLASSES, activation="softmax")])
    simulation = TinyPropSimulation(model, FULL, trainable_layers=1)
    simulation.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    for result in (simulation.predict(x, verbose=0), simulation.trained_model()(x)):
        np.testing.assert_allclose(result, model(x), rtol=1e-5, atol=1e-6)


# Full backpropagation -------------------------------------------------------------------------------

@pytest.mark.parametrize("make", [dense_model, conv_model, norm_model])
def test_full_is_keras_sgd(make):
    """Weights, and moving statistics of normalisations in training mode, after two epochs of fit()."""
    model = make()
    before = [np.array(w) for w in model.get_weights()]
    x, y = make_samples(model.input_shape[1:], 22)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=6)
    expected, history = keras_fit(model, x, y, schedule, 8, epochs=2)
    simulation = TinyPropSimulation(model, FULL)
    simulation.compile(keras.optimizers.SGD(schedule), jit_compile=False)
    logs = simulation.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    trained = simulation.trained_model()
    difference = largest_difference(trained, expected)
    print(f"\n{model.name}: full differs from Keras by {difference:.1e}")
    assert difference < 1e-5 and largest_difference(trained, model) > 0.01
    assert logs["loss"] == pytest.approx(history["loss"], rel=1e-4)
    assert logs["accuracy"] == pytest.approx(history["accuracy"])
    assert logs["backward_effort"] == pytest.approx([1, 1]) and logs["step_effort"] == pytest.approx([1, 1])
    for value, old in zip(model.get_weights(), before, strict=True):  # the user's model is as it was
        np.testing.assert_array_equal(value, old)


def test_normalisations_below_the_first_trained_layer_are_frozen():
    model = norm_model()
    x, y = make_samples((6, 6, 1), 16)
    _, simulation = simulation_run(model, x, y, 0.1, 4, config=FULL, trainable_layers=["hidden", "last"])
    trained = simulation.trained_model()
    for name, same in (("conv", True), ("norm", True), ("hidden", False), ("second_norm", False), ("last", False)):
        pairs = zip(trained.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(a, b) == same for a, b in pairs), name


# Keras' interface -----------------------------------------------------------------------------------

def test_fit_is_train_steps():
    model = dense_model()
    x, y = make_samples((16,), 70)
    record, simulation = simulation_run(model, x, y, 0.05, 4)
    other = TinyPropSimulation(model)
    other.compile(keras.optimizers.SGD(0.05), steps_per_execution=5, jit_compile=False)
    logs = other.fit(x, y, batch_size=4, shuffle=False, verbose=0, validation_data=(x, y)).history
    assert set(logs) == {"loss", "accuracy", "backward_effort", "step_effort", "skip_rate", "non_finite", "val_loss",
                         "val_accuracy"}
    assert largest_difference(simulation.trained_model(), other.trained_model()) < 1e-6
    assert logs["skip_rate"] == pytest.approx([np.mean(record.status == tp.SampleStatus.SKIPPED)])
    predicted = other.predict(x, verbose=0)
    np.testing.assert_allclose(predicted, other.trained_model().predict(x, verbose=0), atol=1e-6)
    assert logs["val_accuracy"] == [pytest.approx(np.mean(predicted.argmax(axis=1) == y))]


def test_efforts_are_what_was_done():
    model = conv_model()
    x, y = make_samples((8, 8, 2), 30)
    simulation = TinyPropSimulation(model, tp.TinyPropConfig.top_k(0.25))
    simulation.compile(keras.optimizers.SGD(0.05), jit_compile=False)
    logs = simulation.fit(x, y, batch_size=1, verbose=0).history
    # Outputs, and multiply-accumulates of one: convolution, depthwise, pointwise, dense. The first hands nothing down.
    outputs, macs = np.array([384, 96, 128, 5]), np.array([18, 9, 6, 32])
    both = np.array([1, 2, 2, 2])
    kept = np.array([96, 24, 32, 1])
    forward, full, done = (outputs * macs).sum(), (outputs * macs * both).sum(), (kept * macs * both).sum()
    assert simulation.network.forward_macs == forward and simulation.network.backward_macs == full
    assert logs["backward_effort"] == pytest.approx([done / full])
    assert logs["step_effort"] == pytest.approx([(forward + done) / (forward + full)])


@pytest.mark.parametrize("optimizer", [
    "adam", keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.SGD(clipnorm=1.0)])
def test_only_plain_sgd(optimizer):
    with pytest.raises(ConfigError, match="SGD without momentum"):
        TinyPropSimulation(dense_model()).compile(optimizer)


def test_losses_of_compile_and_sizes_that_do_not_fit_are_refused():
    simulation = TinyPropSimulation(dense_model())
    with pytest.raises(ConfigError, match="no loss"):
        simulation.compile("sgd", loss="mse")
    x, y = make_samples((16,), 6)
    with pytest.raises(DataError, match="need 3 rates"):
        simulation.train_steps(x, y, [0.1] * 6, batch_size=2)


# Variants -------------------------------------------------------------------------------------------

def test_random_selection_keeps_k_and_depends_on_the_seed():
    model = dense_model()
    x, y = make_samples((16,), 40)
    runs = [simulation_run(model, x, y, 0.05, 4, config=tp.TinyPropConfig.top_k(0.25), selection="random", seed=seed)
            for seed in (1, 1, 2)]
    for record, _ in runs:
        assert set(map(tuple, record.gradients_kept)) >= {(6, 3, 1)}
        assert (record.gradients_kept <= [6, 3, 1]).all()  # 0 where all ReLUs are closed
    same, again, other = (simulation.trained_model() for _, simulation in runs)
    assert largest_difference(same, again) == 0 < largest_difference(same, other)


def test_random_selection_of_a_step_takes_part_and_nothing_else():
    """After one step with one sample, a unit's bias has changed only if the unit was drawn."""
    model = dense_model()
    x, y = make_samples((16,), 1)
    _, simulation = simulation_run(model, x, y, 0.05, 1, config=tp.TinyPropConfig.top_k(0.5), selection="random")
    biases = [np.asarray(layer.bias) for layer in simulation.trained_model().layers]
    changed = [int((bias != 0).sum()) for bias in biases]
    assert changed[2] == 3 and changed[1] <= 6 and changed[0] <= 12  # fewer where a ReLU is closed


def test_bias_only_leaves_kernels_alone():
    model = norm_model()
    x, y = make_samples((6, 6, 1), 12)
    record, simulation = simulation_run(model, x, y, 0.1, 4, config=FULL, bias_only=True)
    trained = simulation.trained_model()
    for layer, old in zip(trained.layers, model.layers, strict=True):
        for weight, before in zip(layer.weights, old.weights, strict=True):
            changes = weight.name in ("bias", "beta", "moving_mean", "moving_variance")
            assert np.array_equal(weight, before) != changes, weight.path
    # hidden 8 <- 64, last 5 <- 8; the convolution is first: it hands nothing down, and costs nothing.
    assert simulation.costs.tolist() == [0, 64, 8]
    assert (record.gradients_kept.max(axis=0) == [0, 8, 5]).all()  # it has no bias either: delta does not get there
    assert simulation.network.backward_macs == 64 * 9 + 8 * 64 * 2 + 5 * 8 * 2


def test_static_channels_leave_the_others_alone():
    model = conv_model()
    x, y = make_samples((8, 8, 2), 20)
    record, simulation = simulation_run(model, x, y, 0.1, 4, config=FULL, static_channels=0.25)
    trained = simulation.trained_model()
    names = [layer.name for layer in simulation.layers_on_path]
    assert names[-1] == "last" and simulation.static_channels[-1] is None  # its channels are the classes
    chosen = dict(zip(names[:-1], simulation.static_channels))
    assert [int(mask.sum()) for mask in chosen.values()] == [2, 2, 2]
    for name, mask in chosen.items():
        kernel, bias = trained.get_layer(name).get_weights()
        before = model.get_layer(name).get_weights()[0]
        kernels = [np.reshape(k, (-1, len(mask))) for k in (kernel, before)]
        assert not (bias[~mask].any() or np.any(kernels[0][:, ~mask] != kernels[1][:, ~mask]))
        assert np.any(bias[mask] != 0)
        norms = np.linalg.norm(kernels[1], axis=0)
        assert norms[mask].min() >= norms[~mask].max()
    # Of the sample's gradients those in chosen channels: 64 positions x 2, 16 x 2, 16 x 2, and all 5.
    assert (record.gradients_kept.max(axis=0) == [128, 32, 32, 5]).all()


def test_static_channels_of_all_channels_change_nothing():
    model = conv_model()
    x, y = make_samples((8, 8, 2), 20)
    (record, one), (expected, other) = (
        simulation_run(model, x, y, 0.1, 1, static_channels=share) for share in (1.0, None))
    np.testing.assert_array_equal(record.gradients_kept, expected.gradients_kept)
    assert largest_difference(one.trained_model(), other.trained_model()) < 1e-6


@pytest.mark.parametrize("decision", ["decaying_maximum", "loss"])
def test_decision_variants(decision):
    """The decisions follow from the losses, or the errors at the output, that the run itself had."""
    model = dense_model()
    x, y = make_samples((16,), 120)
    config = tp.TinyPropConfig.v2(decay=0.95)
    record, simulation = simulation_run(model, x, y, 0.06, 1, config=config, decision=decision)
    # Of a class with probability p = exp(-loss), Y is 2 (1 - p).
    values = record.loss if decision == "loss" else 2 * (1 - np.exp(-record.loss))
    skipped, maximum = record.status == tp.SampleStatus.SKIPPED, 0.0
    decay = config.decay if decision == "loss" else 0.999
    for value, was_skipped in zip(values, skipped, strict=True):
        maximum = max(value, decay * maximum)
        metric = config.d_max * value / maximum
        assert was_skipped == (metric < config.threshold) or abs(metric - config.threshold) < 1e-3
    assert 5 < sum(skipped) < 115
    assert simulation.running_maxima[-1] == pytest.approx(maximum, rel=1e-3)


@pytest.mark.parametrize("options", [
    {"selection": "smallest"}, {"decision": "entropy"}, {"static_channels": 0}, {"static_channels": True}])
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        TinyPropSimulation(dense_model(), **options)


@pytest.mark.parametrize(("activation", "behind", "expected"), [
    (None, [], "linear"), ("relu", [], "relu"), ("relu6", [], "relu6"), (None, [keras.layers.ReLU()], "relu"),
    (None, [keras.layers.ReLU(max_value=6.0)], "relu6"), ("relu", [keras.layers.ReLU(max_value=6.0)], None),
    (None, [keras.layers.ReLU(negative_slope=0.1)], None), ("tanh", [], None),
])
def test_which_activation_is_fused_into_the_output_layer(activation, behind, expected):
    """As TFLite does it: one, and only behind a linear layer."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=activation), *behind])
    assert TinyPropSimulation(model, loss="mse").network.output_activation == expected


# Models that cannot be trained ----------------------------------------------------------------------

def test_a_layer_without_gradient_is_named_with_what_to_do():
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((6, 4)), layers.Dense(4, name="below"), layers.LSTM(5, name="memory"),
        layers.Dense(6, name="above"), layers.Dense(CLASSES, name="last")])
    for wanted in ("all", ["below", "last"]):
        with pytest.raises(ModelError, match="'memory' .*LSTM.* trainable_layers=2 to train only above, last"):
            TinyPropSimulation(model, trainable_layers=wanted)
    assert len(TinyPropSimulation(model, trainable_layers=2).layers_on_path) == 2


def test_a_shared_layer_can_only_be_frozen():
    inputs = keras.Input((8,))
    shared = keras.layers.Dense(8, activation="relu", name="shared")
    first = keras.layers.Dense(8, name="first")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name="last")(shared(shared(first))))
    with pytest.raises(ModelError, match="'shared' is called more than once.*leave this one out"):
        TinyPropSimulation(model)
    frozen = TinyPropSimulation(model, trainable_layers=["first", "last"], static_channels=0.5)
    assert [layer.name for layer in frozen.layers_on_path] == ["first", "shared", "shared_2", "last"]


@pytest.mark.parametrize(("wanted", "message"), [
    (["frist"], "'frist'.*first, second, last"), ([], "nothing"), (0, "has 3 layers"), (4, "has 3 layers"),
    (True, "must be 'all'"), (None, "must be 'all'"),
])
def test_trainable_layers_that_do_not_exist(wanted, message):
    with pytest.raises(ModelError, match=message):
        TinyPropSimulation(dense_model(), trainable_layers=wanted)


def test_models_without_a_shape_or_with_two_outputs():
    with pytest.raises(ModelError, match="no input shape yet"):
        TinyPropSimulation(keras.Sequential([keras.layers.Dense(3)]))
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(2)(inputs), keras.layers.Dense(3)(inputs)]
    with pytest.raises(ModelError, match="2 outputs"):
        TinyPropSimulation(keras.Model(inputs, outputs))
    with pytest.raises(ModelError, match="'hinge' is not supported"):
        TinyPropSimulation(dense_model(), loss="hinge")


# The backend of a study -----------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["v2", "last_layer"])
def test_backends_agree(method):
    model = conv_model()
    x, y = make_samples((8, 8, 2), 50)
    results, predictions = [], []
    for name in ("interpreter", "simulation"):
        backend = make_backend(
            name, model, make_method(method).training, trainable_layers="all", loss="sparse_categorical_crossentropy",
            batch_size=4, rates=np.linspace(0.1, 0.01, 26).astype(np.float32), seed=0)
        results.append([backend.fit_epoch(Samples(x, y)) for _ in range(2)])
        predictions.append(backend.predict(x))
    for interpreted, simulated in zip(*results, strict=True):
        assert simulated.metrics == pytest.approx(dict(interpreted.metrics), rel=1e-4)
        assert simulated.gradient_shares == pytest.approx(dict(interpreted.gradient_shares), rel=1e-5)
    np.testing.assert_allclose(*predictions, atol=1e-4)


@pytest.mark.parametrize("method", ["random_k", "bias_only", "static_channels"])
def test_methods_of_the_simulation_alone_run_in_a_study(method):
    x, y = make_samples((8, 8, 2), 12)
    backend = make_backend(
        "simulation", conv_model(), make_method(method).training, trainable_layers=2,
        loss="sparse_categorical_crossentropy", batch_size=1, rates=np.full(12, 0.05, np.float32), seed=3)
    result = backend.fit_epoch(Samples(x, y))
    assert 0 < result.metrics["backward_effort"] < 0.6 and set(result.gradient_shares) == {"pointwise", "last"}
