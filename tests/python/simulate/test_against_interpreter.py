"""200 steps in the simulation and in the real ops: the same samples skipped, the same gradients kept."""

import numpy as np
import pytest
from simulated_runs import conv_model, dense_model, interpreter_run, largest_difference, make_samples, simulation_run

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.simulate import TinyPropSimulation, totals

STEPS = 200
FULL = tp.TinyPropConfig.full()
# S n of two implementations differ by rounding only.
HALF_TOLERANCE = 1e-3


def assert_same_counts(simulated: np.ndarray, run, gradients: np.ndarray) -> int:
    """k may differ by one where S n lies within rounding error of a half. Returns how often it did."""
    different = simulated != run.record.gradients_kept
    exact = run.rate * gradients
    distance = np.abs(exact - np.floor(exact) - 0.5)
    assert (distance[different] < HALF_TOLERANCE).all(), exact[different]
    assert np.abs(simulated - run.record.gradients_kept).max() <= 1
    return int(different.sum())


def compare(model, batch_size: int, rate: float, y=None, samples: int | None = None, simulation=None,
            **options):
    x, labels = make_samples(model.input_shape[1:], samples or STEPS * batch_size)
    y = labels if y is None else y(labels)
    run = interpreter_run(model, x, y, rate, batch_size, **options)
    record, simulation = simulation_run(model, x, y, rate, batch_size, **options, **(simulation or {}))
    np.testing.assert_array_equal(record.status, run.record.status)
    gradients = np.array([layer.gradients for layer in simulation.layers_on_path])
    differing = assert_same_counts(record.gradients_kept, run, gradients)
    np.testing.assert_allclose(record.loss, run.record.loss, rtol=1e-3, atol=1e-5)
    difference = largest_difference(simulation.trained_model(), run.model)
    moved = largest_difference(simulation.trained_model(), model)
    skipped = np.mean(record.status == tp.SampleStatus.SKIPPED)
    print(f"\n{model.name}, batch {batch_size}: weights differ by {difference:.1e} (moved {moved:.2f}), k differs "
          f"{differing} of {record.gradients_kept.size} times, {100 * skipped:.0f} % skipped")
    assert moved > 0.01
    assert difference < 1e-4
    return record, simulation, run


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize(("make", "rate"), [(dense_model, 0.05), (conv_model, 0.1)])
def test_v2(make, rate, batch_size):
    record, *_ = compare(make(), batch_size, rate, config=tp.TinyPropConfig.v2(decay=0.98))
    assert 0.05 < np.mean(record.status == tp.SampleStatus.SKIPPED) < 0.95
    trained = record.gradients_kept[record.status == tp.SampleStatus.TRAINED]
    assert len(np.unique(trained[:, 0])) > 5  # k was adaptive


def test_compiled_with_xla():
    compare(dense_model(), 4, 0.05, config=tp.TinyPropConfig.v2(decay=0.98), simulation={"jit_compile": True})


def test_a_last_batch_that_is_smaller_and_what_fit_reports():
    model = dense_model()
    record, simulation, run = compare(model, 4, 0.05, samples=203, config=tp.TinyPropConfig.v2())
    assert len(record.loss) == 203
    metrics = totals.summarize(record, simulation.network, simulation.costs, True)
    assert metrics == pytest.approx({name: values[0] for name, values in run.history.items()}, rel=1e-4)


def test_mean_squared_error_and_a_frozen_layer_between():
    import keras

    model = dense_model()
    linear = keras.Sequential([*model.layers[:2], keras.layers.Dense(5, activation="relu", name="out")], name="mse")
    linear.build((None, 16))
    compare(linear, 1, 0.1, y=lambda labels: np.eye(5, dtype=np.float32)[labels], loss="mse",
            trainable_layers=["first", "out"], config=tp.TinyPropConfig.v2(decay=0.95))


def test_ops_between_the_last_layer_and_the_loss():
    """Then that layer has a running maximum of its own, which sees trained samples only."""
    import keras

    keras.utils.set_random_seed(4)
    model = keras.Sequential([
        keras.Input((12, 2)), keras.layers.Conv1D(6, 3, activation="relu", name="first"),
        keras.layers.Conv1D(5, 3, strides=2, name="last"), keras.layers.GlobalAveragePooling1D(),
        keras.layers.Softmax(),
    ], name="conv1d")
    _, simulation, _ = compare(model, 1, 0.05, config=tp.TinyPropConfig.v2(decay=0.97))
    assert simulation.network.output_activation is None


def test_a_branch():
    import keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="main_1")(x)
    y = layers.Conv2D(8, 3, padding="same", name="main_2")(y)
    shortcut = layers.Conv2D(8, 1, strides=2, padding="same", name="shortcut")(x)
    x = layers.Flatten()(layers.ReLU()(layers.Add()([shortcut, y])))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax", name="last")(x), name="branch")
    order = [layer.name for layer in tp.convert(model).training.layers]
    _, simulation, _ = compare(model, 2, 0.05, config=tp.TinyPropConfig.v2(decay=0.98),
                               simulation={"layer_order": order})
    assert [layer.name for layer in simulation.layers_on_path] == order
    # Which of two layers of equal depth comes first is up to the converter.
    other = ["first", "shortcut", "main_1", "main_2", "last"]
    assert [layer.name for layer in TinyPropSimulation(model, layer_order=other).layers_on_path] == other != order
    with pytest.raises(ModelError, match="'last' is on the backward path, but not in layer_order"):
        TinyPropSimulation(model, layer_order=order[:-1])
    with pytest.raises(ModelError, match="not on the backward path: other"):
        TinyPropSimulation(model, layer_order=[*order, "other"])


def test_samples_that_are_not_finite():
    model = dense_model()
    x, y = make_samples((16,), 80)
    x[[5, 17, 18, 40]] = [[np.nan], [np.inf], [-np.inf], [np.nan]]
    for batch_size in (1, 4):
        run = interpreter_run(model, x, y, 0.05, batch_size, config=tp.TinyPropConfig.v1())
        record, simulation = simulation_run(model, x, y, 0.05, batch_size, config=tp.TinyPropConfig.v1())
        np.testing.assert_array_equal(record.status, run.record.status)
        assert (record.status == tp.SampleStatus.NON_FINITE).sum() >= 3
        assert largest_difference(simulation.trained_model(), run.model) < 1e-4


def test_a_step_that_could_leave_the_range_of_float32():
    """Found by the layer: loss and error are finite, but not the error times the input."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(5, activation="softmax", name="last")])
    x = 1e36 * make_samples((16,), 1)[0]
    y = model.predict(x, verbose=0).argmin(axis=1).astype(np.int32)
    run = interpreter_run(model, x, y, 1000.0, 1, config=FULL)
    record, _ = simulation_run(model, x, y, 1000.0, 1, config=FULL)
    assert record.status.tolist() == run.record.status.tolist() == [tp.SampleStatus.NON_FINITE]
    # Without kernels to update no product can overflow.
    record, _ = simulation_run(model, x, y, 1000.0, 1, config=FULL, bias_only=True)
    assert np.isfinite(record.loss).all() and record.status.tolist() == [tp.SampleStatus.TRAINED]


def test_damped_rates_of_a_smallest_rate_of_1():
    """S is 1 at the output and less below: not everything is kept."""
    record, *_ = compare(dense_model(), 1, 0.05, samples=60,
                         config=tp.TinyPropConfig(s_min=1.0, s_max=1.0, zeta=0.5, threshold=0.0))
    assert record.gradients_kept.max(axis=0).tolist() == [6, 6, 5]


def test_a_learning_rate_of_zero_is_inference():
    model = dense_model()
    x, y = make_samples((16,), 20)
    record, simulation = simulation_run(model, x, y, 0.0, 1)
    assert (record.status == tp.SampleStatus.INFERENCE).all() and not record.gradients_kept.any()
    assert largest_difference(simulation.trained_model(), model) == 0 and not simulation.running_maxima.any()
