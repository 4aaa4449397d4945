"""Learning rates: the paper's schedule, and what fit() makes of others."""

import numpy as np
import pytest

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.training.schedules import SMALLEST_RATE, LearningRates, WarmupCosine


def test_the_cosine_warms_up_and_ends_near_zero():
    rates = WarmupCosine.over(100, 0.1, warmup=0.1, first_step=40).rates(40, 100)
    assert rates[0] == pytest.approx(0.01) and rates.argmax() == 9 and rates.max() == pytest.approx(0.1)
    assert 0 < rates[-1] < 1e-3


@pytest.mark.parametrize("steps", [1, 2, 3, 5_195, 20_000, 10_000_000])
@pytest.mark.parametrize("warmup", [0.0, 0.025, 1.0])
def test_no_step_has_the_rate_zero(steps, warmup):
    schedule = WarmupCosine.over(steps, 0.02, warmup=warmup)
    for first in (0, max(0, steps - 50)):
        assert (schedule.rates(first, min(steps, 50)).astype(np.float32) > 0).all()
    assert schedule(steps) == 0


def test_the_warm_up_leaves_at_least_one_step():
    for steps, warmup, expected in ((10, 1.0, 9), (10, 0.95, 9), (10, 0.34, 3), (1, 1.0, 0), (1, 0.0, 0)):
        assert WarmupCosine.over(steps, 0.1, warmup=warmup).warmup_steps == expected
    assert WarmupCosine.over(10, 0.1, warmup=0.5, cosine=False).rates(0, 20)[5:].tolist() == [0.1] * 15


def test_fit_takes_numbers_functions_and_schedules():
    assert LearningRates(0.5, 3)[0:2].tolist() == [0.5, 0.5]
    assert LearningRates(lambda step: step / 2, 3)[0:2].tolist() == [1.5, 2.0]
    schedule = WarmupCosine(0.25, 3, 20, final=0.01)
    assert LearningRates(schedule, 5)[0:10].tolist() == schedule.rates(5, 10).astype(np.float32).tolist()


def test_a_keras_schedule_is_evaluated_at_its_steps():
    import keras

    cosine = keras.optimizers.schedules.CosineDecay(0.0, 17, warmup_target=0.125, warmup_steps=4)
    expected = [float(cosine(step)) for step in range(3, 20)]
    assert LearningRates(cosine, 3)[0:17] == pytest.approx(expected)


def test_a_keras_schedule_goes_on_over_blocks_and_epochs():
    import keras

    decay = keras.optimizers.schedules.PolynomialDecay(1.0, 4000, 0.0)
    rates = LearningRates(decay, 5)
    expected = [float(decay(step)) for step in range(5, 3005)]
    assert np.concatenate([rates[i : i + 100] for i in range(0, 3000, 100)]) == pytest.approx(expected, rel=1e-5)
    assert rates.after(900)[100:1400] == pytest.approx(expected[1000:2300], rel=1e-5)
    assert rates[0:3000] == pytest.approx(expected, rel=1e-5)


def test_a_keras_schedule_that_cannot_be_traced_is_called():
    import keras

    class Own(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 if int(step) < 3 else 0.25

    assert LearningRates(Own())[1:5].tolist() == [0.5, 0.5, 0.25, 0.25]


def test_a_function_is_asked_for_the_steps_that_are_taken():
    asked = []
    rates = LearningRates(lambda step: asked.append(step) or 0.1, 10).after(5)
    assert asked == []
    rates[2:4]
    assert asked == [17, 18]


def test_rates_above_zero_stay_above_zero_in_float32():
    assert (LearningRates(lambda step: 10.0 ** -step)[0:320] >= SMALLEST_RATE).all()
    assert LearningRates(0.0)[0:2].tolist() == [0, 0]
    schedule = WarmupCosine(1e-30, 2, 10_000_000)
    assert (LearningRates(schedule)[9_999_000:10_000_000] > 0).all()


@pytest.mark.parametrize(("schedule", "batch_size"), [
    (1e39, 1), (1e38, 4), (lambda step: 1e39, 1), (lambda step: None, 1), (lambda step: "fast", 1),
])
def test_a_rate_that_float32_does_not_hold(schedule, batch_size):
    with pytest.raises(ConfigError, match="learning rate at step 0 is .*(1e.3|None|fast)"):
        LearningRates(schedule, batch_size=batch_size)[0:1]


@pytest.mark.parametrize("fields", [
    (float("nan"),), (-0.1,), (1e39,), (0.1, 0, 0, -0.1), (0.1, 11, 10), (0.1, -1, 10), (0.1, 0, -1),
])
def test_schedules_that_cannot_be(fields):
    with pytest.raises(ConfigError, match="WarmupCosine.*needs"):
        WarmupCosine(*fields)


@pytest.mark.parametrize("schedule", ["0.1", True, None, -0.1, float("nan"), lambda step: -1.0])
def test_what_is_no_learning_rate(schedule):
    with pytest.raises(ConfigError, match="learning"):
        LearningRates(schedule)[0:3]
