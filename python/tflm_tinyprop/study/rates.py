"""Learning rates of a whole run, computed once, so that both backends take exactly the same."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.study.settings import RateSettings
from tflm_tinyprop.training.schedules import WarmupCosine, as_float32


def learning_rates(settings: RateSettings, steps: int) -> np.ndarray:
    """float32 [steps], all above 0: linear warm-up to the peak, then constant or cosine annealing (as tinyprop train)."""
    schedule = WarmupCosine.over(steps, settings.peak, warmup=settings.warmup, cosine=settings.schedule == "cosine")
    return as_float32(schedule.rates(0, steps))
