"""Learning rates of a whole run, computed once, so that both backends take exactly the same."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.study.settings import RateSettings


def learning_rates(settings: RateSettings, steps: int) -> np.ndarray:
    """float32 [steps], all above 0: linear warm-up to the peak, then constant or cosine annealing (as tinyprop train)."""
    warmup = min(steps - 1, round(settings.warmup * steps))
    # Counted from 1: a first step with rate 0 would train nothing. And the cosine ends a step behind the last one.
    step = np.arange(1, steps + 1, dtype=np.float64)
    rates = np.full(steps, settings.peak)
    if settings.schedule == "cosine":
        rates *= 0.5 * (1 + np.cos(np.pi * np.maximum(0, step - warmup) / (steps + 1 - warmup)))
    if warmup:
        rates = np.where(step < warmup, settings.peak * step / warmup, rates)
    return rates.astype(np.float32)
