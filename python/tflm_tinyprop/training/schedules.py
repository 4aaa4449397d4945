"""Learning rates: a number, the paper's schedule, a Keras LearningRateSchedule, or any function of the step."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np

from tflm_tinyprop.errors import ConfigError

# 2^-126: below it, processors may take a float for 0, and a step with the rate 0 trains nothing.
SMALLEST_RATE = np.finfo(np.float32).tiny


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

    Raises ConfigError for rates that are negative or not finite in float32, and for a warm-up longer than the whole.
    """

    peak: float
    warmup_steps: int = 0
    total_steps: int = 0
    final: float = 0.0
    first_step: int = 0

    def __post_init__(self):
        largest = float(np.finfo(np.float32).max)
        if not (0 <= self.peak <= largest and 0 <= self.final <= largest):
            raise ConfigError(f"{self} needs rates that are not negative and that float32 holds")
        if self.warmup_steps < 0 or self.total_steps < 0 or 0 < self.total_steps < self.warmup_steps:
            raise ConfigError(f"{self} needs 0 <= warmup_steps <= total_steps, or total_steps 0")

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


def as_float32(rates: np.ndarray) -> np.ndarray:
    """float32 of float64 rates; those above 0 stay above 0, as in firmware."""
    with np.errstate(over="ignore", under="ignore"):
        return np.where(rates > 0, np.maximum(rates.astype(np.float32), SMALLEST_RATE), rates.astype(np.float32))


class LearningRates:
    """The rates of the steps from `first_step` on, float32, taken by slices: rates[64:128].

    A function is asked when a slice is taken, not for all steps of a training beforehand. Raises ConfigError for what is no
    learning rate at all, and, where a slice is taken, for a rate that is negative or not finite in float32.

    Args:
        schedule: a number, a WarmupCosine, a Keras LearningRateSchedule or any function of the step.
        batch_size: a batch with one sample has its rate multiplied by this, and has to stay finite, too.
    """

    def __init__(self, schedule, first_step: int = 0, batch_size: int = 1):
        self._first = first_step
        self._largest = float(np.finfo(np.float32).max) / batch_size
        self._evaluate = _evaluator(schedule)

    def after(self, steps: int) -> LearningRates:
        """The same rates, counted from a later step."""
        later = copy.copy(self)
        later._first += steps
        return later

    def __getitem__(self, steps: slice) -> np.ndarray:
        first = self._first + steps.start
        rates = self._evaluate(first, steps.stop - steps.start)
        wrong = np.flatnonzero(~((rates >= 0) & (rates <= self._largest)))
        if wrong.size:
            raise ConfigError(f"the learning rate at step {first + wrong[0]} is {rates[wrong[0]]}; it must be finite and not "
                              f"negative, also as float32 times the batch size (at most {self._largest:.3g})")
        return as_float32(rates)


def _evaluator(schedule):
    """(first step, count) -> float64 rates."""
    if isinstance(schedule, (int, float, np.number)) and not isinstance(schedule, bool):
        return lambda first, count: np.full(count, schedule, np.float64)
    if isinstance(schedule, WarmupCosine):
        return schedule.rates
    if not callable(schedule):
        raise ConfigError(f"learning_rate must be a number or a function of the step, got {schedule!r}")
    if any(cls.__name__ == "LearningRateSchedule" for cls in type(schedule).__mro__):
        from tflm_tinyprop.training.keras_schedule import BlockwiseRates

        return BlockwiseRates(schedule, lambda first, count: _called(schedule, first, count))
    return lambda first, count: _called(schedule, first, count)


def _called(schedule, first: int, count: int) -> np.ndarray:
    rates = np.empty(count, np.float64)
    for i in range(count):
        rate = schedule(first + i)
        try:
            rates[i] = float(rate)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the learning rate at step {first + i} is {rate!r}, which is no number") from error
    return rates
