"""Learning rates of a run: those of tinyprop train."""

import numpy as np
import pytest

from tflm_tinyprop.study import RateSettings
from tflm_tinyprop.study.rates import learning_rates
from tflm_tinyprop.training.schedules import WarmupCosine


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 997])
@pytest.mark.parametrize("warmup", [0.0, 0.025, 0.5, 1.0])
def test_the_rates_of_tinyprop_train(steps, warmup):
    rates = learning_rates(RateSettings(0.1, "cosine", warmup), steps)
    assert rates == pytest.approx(WarmupCosine.over(steps, 0.1, warmup=warmup).rates(0, steps))
    assert rates.shape == (steps,) and rates.dtype == np.float32
    assert (rates > 0).all() and rates.max() <= np.float32(0.1)


def test_constant_rates_warm_up_too():
    rates = learning_rates(RateSettings(0.5, "constant", 0.2), 20)
    assert rates == pytest.approx([0.125, 0.25, 0.375, *[0.5] * 17])
    assert (learning_rates(RateSettings(0.5, "constant", 0), 5) == 0.5).all()
