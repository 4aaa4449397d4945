"""Learning rates: a number, the paper's schedule, a Keras LearningRateSchedule, or any function of the step."""

from __future__ import annotations

import dataclasses

import numpy as np

from tflm_tinyprop.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up to the peak, then cosine annealing: firmware's LearningRateSchedule::WarmupCosine.

    With s steps from `first_step` on:

        peak (s + 1) / warmup_steps                                s < warmup_steps
        final + (peak - final) sin^2(pi (1 - f) / 2)               s < total_steps
            f = (s + 1 - warmup_steps) / (total_steps + 1 - warmup_steps)
        final                                                      later

    which is Keras' CosineDecay with warmup_target, read one step ahead so that neither the first nor the last step has the
    rate 0. total_steps 0: the peak for ever after the warm-up.
    """

    peak: float
    warmup_steps: int = 0
    total_steps: int = 0
    final: float = 0.0
    first_step: int = 0

    @classmethod
    def over(cls, steps: int, peak: float, *, warmup: float, cosine: bool = True, first_step: int = 0) -> WarmupCosine:
        """A schedule of `steps` steps of which the share `warmup` warms up, all but the last at most."""
        return cls(peak, min(steps - 1, round(warmup * steps)), steps if cosine else 0, first_step=first_step)

    def __call__(self, step: int) -> float:
        """The rate of one step."""
        return float(self.rates(step, 1)[0])

    def rates(self, first: int, count: int) -> np.ndarray:
        """float64 [count], the rates of the steps from `first` on."""
        step = np.arange(first, first + count, dtype=np.float64) - self.first_step
        rates = np.full(count, self.peak, np.float64)
        if self.total_steps:
            # Counted from the end, where a cosine near -1 would lose all digits.
            left = (self.total_steps - step) / (self.total_steps + 1 - self.warmup_steps)
            rates = self.final + (self.peak - self.final) * np.sin(np.pi / 2 * np.clip(left, 0, 1)) ** 2
        if self.warmup_steps:
            rates = np.where(step < self.warmup_steps, self.peak * (step + 1) / self.warmup_steps, rates)
        return rates


def learning_rates(schedule, first_step: int, steps: int) -> np.ndarray:
    """float32 [steps], the rates of the steps from first_step on.

    Raises ConfigError if one is negative or not finite: then nothing is trained at all.
    """
    if isinstance(schedule, (int, float, np.number)) and not isinstance(schedule, bool):
        rates = np.full(steps, schedule, np.float64)
    elif isinstance(schedule, WarmupCosine):
        rates = schedule.rates(first_step, steps)
    elif callable(schedule):
        rates = _evaluate(schedule, first_step, steps)
    else:
        raise ConfigError(f"learning_rate must be a number or a function of the step, got {schedule!r}")
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if wrong.size:
        raise ConfigError(
            f"the learning rate at step {first_step + wrong[0]} is {rates[wrong[0]]}; it must be finite and not negative"
        )
    return rates.astype(np.float32)


def _evaluate(schedule, first_step: int, steps: int) -> np.ndarray:
    steps_range = range(first_step, first_step + steps)
    if any(cls.__name__ == "LearningRateSchedule" for cls in type(schedule).__mro__):
        from tflm_tinyprop.training.keras_schedule import evaluate

        rates = evaluate(schedule, steps_range)
        if rates is not None:
            return rates
    return np.array([float(schedule(step)) for step in steps_range], np.float64)
