"""Learning rates: the paper's schedule, and what fit() makes of others."""

import numpy as np
import pytest

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.training.schedules import WarmupCosine, learning_rates


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
    assert learning_rates(0.5, 3, 2).tolist() == [0.5, 0.5]
    assert learning_rates(lambda step: step / 2, 3, 2).tolist() == [1.5, 2.0]
    schedule = WarmupCosine(0.25, 3, 20, final=0.01)
    assert learning_rates(schedule, 5, 10).tolist() == schedule.rates(5, 10).astype(np.float32).tolist()


def test_a_keras_schedule_is_evaluated_at_its_steps():
    import keras

    cosine = keras.optimizers.schedules.CosineDecay(0.0, 17, warmup_target=0.125, warmup_steps=4)
    expected = [float(cosine(step)) for step in range(3, 20)]
    assert learning_rates(cosine, 3, 17) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["0.1", True, None, -0.1, float("nan"), lambda step: -1.0])
def test_what_is_no_learning_rate(schedule):
    with pytest.raises(ConfigError, match="learning"):
        learning_rates(schedule, 0, 3)
