"""The firmware's learning rates against Keras' own schedule."""

import keras
import numpy as np
import pytest
from runtime_abi import schedule_rates

from tflm_tinyprop.training.schedules import LearningRates, WarmupCosine


@pytest.mark.parametrize(("warmup", "total", "final"), [(0, 50, 0.0), (10, 200, 0.0), (1, 2, 0.0), (400, 4000, 0.001)])
def test_it_is_keras_cosine_decay_one_step_ahead(warmup, total, final):
    peak = 0.125
    cosine = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak, decay_steps=total + 1 - warmup, alpha=final / peak,
        warmup_target=peak if warmup else None, warmup_steps=warmup,
    )
    rates = schedule_rates(peak, final, warmup, total, 0, total + 5)
    expected = [float(cosine(step + 1)) for step in range(total + 5)]
    np.testing.assert_allclose(rates, expected, rtol=0, atol=3e-8 + 3e-7 * peak)
    assert (rates[:total] > 0).all()
    assert (rates[total:] == np.float32(final)).all()


# What C++ computes in float32 is this far from the formula in float64, which Python rounds once.
ULPS = 8 * 2.0**-23


@pytest.mark.parametrize("final", [0.0, 0.001])
def test_python_has_the_same_rates(final):
    """Every step of every length up to 300 with every tenth warm-up, and the ends of many longer ones."""
    for total in range(1, 301):
        for warmup in {*range(0, total, 10), total - 1, total}:
            assert_same(0.02, final, warmup, total, 0, total + 2)
    for total in (5_195, 20_000, 2**24 + 1_000, 2**31, 2**32 - 1):
        for warmup in (0, 1, total // 40, total - 1):
            for first in (0, warmup, total // 2, total - 50):
                assert_same(0.125, final, warmup, total, first, min(50, total - first))


def assert_same(peak, final, warmup, total, first, count):
    found = schedule_rates(peak, final, warmup, total, first, count)
    expected = LearningRates(WarmupCosine(peak, warmup, total, final, first_step=7), 7)[first : first + count]
    np.testing.assert_allclose(found, expected, rtol=ULPS, atol=0, err_msg=f"{warmup} of {total} from {first}")
    assert (found[: total - first] > 0).all()


def test_a_schedule_without_an_end_is_the_same_in_python():
    expected = LearningRates(WarmupCosine(0.02, 3, 0))[0:10]
    np.testing.assert_allclose(schedule_rates(0.02, 0.0, 3, 0, 0, 10), expected, rtol=ULPS)
    assert WarmupCosine(0.02, 3, 0)(1) == pytest.approx(expected[1])


def test_it_goes_on_from_any_position():
    whole = schedule_rates(0.1, 0.01, 100, 10_000, 0, 10_000)
    for first in (0, 99, 100, 5_000, 9_990):
        assert (schedule_rates(0.1, 0.01, 100, 10_000, first, 10) == whole[first : first + 10]).all()


def test_long_schedules_keep_their_shape():
    steps = 40_000_000  # beyond the integers that float32 can tell apart
    rates = schedule_rates(0.1, 0.0, 0, steps, steps // 2, 3)
    np.testing.assert_allclose(rates, 0.05, rtol=1e-5)


def test_without_an_end_the_rate_stays():
    assert (schedule_rates(0.1, 0.0, 0, 0, 0, 5) == np.float32(0.1)).all()
    np.testing.assert_allclose(schedule_rates(0.1, 0.0, 2, 0, 0, 4), [0.05, 0.1, 0.1, 0.1])


def test_a_schedule_may_warm_up_to_its_end():
    np.testing.assert_allclose(schedule_rates(0.1, 0.0, 4, 4, 0, 5), [0.025, 0.05, 0.075, 0.1, 0], rtol=1e-6)


@pytest.mark.parametrize("schedule", [
    (float("nan"), 0.0, 0, 10), (-0.1, 0.0, 0, 10), (float("inf"), 0.0, 0, 0), (0.1, -0.1, 0, 10),
    (0.1, float("nan"), 0, 10), (0.1, 0.0, 11, 10),
    (0.1, float("inf"), 0, 10),
])
def test_invalid_schedules(schedule):
    assert schedule_rates(*schedule, first=0, count=1) is None
