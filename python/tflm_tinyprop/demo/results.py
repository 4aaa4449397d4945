"""Figures of the demo's runs and their means over the seeds."""

from __future__ import annotations

import dataclasses

import numpy as np

METRICS = ("accuracy_before", "accuracy_after", "backward_effort", "step_effort", "skip_rate")


@dataclasses.dataclass(frozen=True)
class Trace:
    """Course of a run, one point before it and one after every epoch. macs: of backward and update so far."""

    macs: np.ndarray
    accuracy: np.ndarray
    loss: np.ndarray


@dataclasses.dataclass(frozen=True)
class Run:
    """One method on one seed."""

    method: str
    seed: int
    accuracy_before: float
    accuracy_after: float
    backward_effort: float
    step_effort: float
    skip_rate: float
    trace: Trace


def summarise(runs: list[Run], seeds: tuple[int, ...], *, arena_bytes: int, model_bytes: int) -> dict:
    """What report.json holds: per method the mean of every metric and its standard deviation (_std)."""
    methods: dict[str, dict[str, float]] = {}
    for method in dict.fromkeys(run.method for run in runs):
        own = [run for run in runs if run.method == method]
        methods[method] = {}
        for metric in METRICS:
            values = [getattr(run, metric) for run in own]
            methods[method][metric] = float(np.mean(values))
            methods[method][f"{metric}_std"] = float(np.std(values))
    return {"seeds": list(seeds), "arena_bytes": arena_bytes, "model_bytes": model_bytes, "methods": methods}
