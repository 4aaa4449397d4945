import numpy as np
from cases import plain_config, random_config, random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop import reference
from tflm_tinyprop.format.sample_status import SampleStatus


def random_batch(rng):
    """(input_finite [B], loss [B], delta [B, n]); some samples are not finite, some without error."""
    batch, n = random_size(rng, 20), random_size(rng, 40)
    finite = rng.random(batch) > 0.1
    loss = rng.exponential(size=batch).astype(np.float32)
    loss[rng.random(batch) < 0.1] = rng.choice([np.nan, np.inf])
    delta = rng.normal(size=(batch, n)) * rng.exponential(size=(batch, 1))
    delta[rng.random(batch) < 0.1] = 0
    delta[rng.random(batch) < 0.1, rng.integers(n)] = rng.choice([np.nan, np.inf, -np.inf])
    return finite, loss, delta.astype(np.float32)


def test_metric(abi, rng):
    for _ in range(1000):
        config, control = random_config(rng)
        alpha = np.float32(rng.random())
        expected = reference.decision_metric(config, alpha)
        assert_close(abi.decision_metric(control, alpha), expected, 1, 4)


def test_decisions_over_several_steps(abi, rng):
    for _ in range(300):
        config, control = random_config(rng)
        maximum = expected_maximum = 0.0
        bound = rng.choice([0.0, 0.5, 4.0])
        for _ in range(5):
            finite, loss, delta = random_batch(rng)
            expected = reference.decide(config, finite, loss, delta, expected_maximum, bound)
            gate, maximum, statistics = abi.decide(control, finite, loss, delta, maximum, bound=bound)
            operations = 8 + delta.shape[1]

            expected_maximum = expected.running_maximum
            assert_close(maximum, expected_maximum, expected_maximum, operations + 5)
            assert_close(statistics[0, :, 1], expected.metric, 1, operations + 8)
            usable = np.isfinite(expected.local_error)
            assert_close(
                statistics[0, usable, 2], expected.local_error[usable],
                expected.local_error[usable], operations,
            )  # fmt: skip
            assert (statistics[0, :, 3] == maximum).all()
            assert (statistics[0, :, 0] == gate).all()
            # At the threshold rounding may decide either way.
            clear = np.abs(expected.metric - config.threshold) > 1e-5
            clear |= expected.status == SampleStatus.NON_FINITE
            assert (gate[clear] == expected.status[clear]).all()


def test_skipped_samples_count_for_the_maximum_and_others_do_not(abi):
    control = plain_config(threshold=2.0).control(0.1)  # skips every sample
    delta = np.float32([[3, -1], [np.inf, 0], [9, 9]])
    gate, maximum, _ = abi.decide(control, [1, 1, 0], np.float32([1, 1, 1]), delta, 2.0)
    assert list(gate) == [SampleStatus.SKIPPED, SampleStatus.NON_FINITE, SampleStatus.NON_FINITE]
    assert maximum == 4


def test_maximum_is_untouched_without_a_finite_sample(abi):
    control = plain_config(decay=0.5).control(0.1)
    gate, maximum, _ = abi.decide(control, [0], np.float32([1]), np.float32([[1]]), 2.0)
    assert gate[0] == SampleStatus.NON_FINITE and maximum == 2


def test_a_finite_sample_without_error_decays_the_maximum(abi):
    control = plain_config(decay=0.5).control(0.1)
    _, maximum, _ = abi.decide(control, [1], np.float32([1]), np.float32([[0]]), 2.0)
    assert maximum == 1


def test_inference_changes_nothing(abi):
    for learning_rate in (0.0, -1.0, np.nan, np.inf, -0.0):
        control = plain_config().control(learning_rate)
        assert not abi.is_training(control)
        gate, maximum, statistics = abi.decide(
            control, [1, 0], np.float32([1, np.nan]), np.float32([[5], [1]]), 2.0
        )
        assert (gate == SampleStatus.INFERENCE).all() and maximum == 2
        assert_same_bits(statistics[0], [[SampleStatus.INFERENCE, 0, 0, 0]] * 2)
    assert abi.is_training(plain_config().control(1e-30))


def test_all_finite(abi, rng):
    assert abi.all_finite(np.float32([]))
    for n in (1, 2, 7, 64):
        values = rng.normal(size=n).astype(np.float32)
        assert abi.all_finite(values)
        for value in (np.nan, -np.nan, np.inf, -np.inf):
            values[rng.integers(n)] = value
            assert not abi.all_finite(values)
    assert abi.all_finite(np.finfo(np.float32).max * np.float32([1, -1]))


def test_a_metric_on_the_threshold_trains(abi):
    control = plain_config(d_min=0.5, d_max=0.5, threshold=0.5).control(0.1)
    gate, _, _ = abi.decide(control, [1], np.float32([1]), np.float32([[1]]), 0.0)
    assert gate[0] == SampleStatus.TRAINED
