"""Learning rates of a run: those of tinyprop train."""

import numpy as np
import pytest

from tflm_tinyprop.cli_support import make_schedule
from tflm_tinyprop.study import RateSettings
from tflm_tinyprop.study.rates import learning_rates


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 997])
@pytest.mark.parametrize("warmup", [0.0, 0.025, 0.5, 1.0])
def test_the_rates_of_tinyprop_train(steps, warmup):
    schedule = make_schedule("cosine", 0.1, steps, warmup, first_step=0)
    chosen = sorted({*range(min(steps, 8)), *range(0, steps, 83), *range(max(0, steps - 4), steps)})
    rates = learning_rates(RateSettings(0.1, "cosine", warmup), steps)
    assert rates[chosen] == pytest.approx([schedule(step) for step in chosen], rel=1e-4, abs=1e-7)
    assert rates.shape == (steps,) and rates.dtype == np.float32
    assert (rates > 0).all() and rates.max() <= np.float32(0.1)


def test_constant_rates_warm_up_too():
    rates = learning_rates(RateSettings(0.5, "constant", 0.2), 20)
    assert rates == pytest.approx([0.125, 0.25, 0.375, *[0.5] * 17])
    assert (learning_rates(RateSettings(0.5, "constant", 0), 5) == 0.5).all()
