"""From a study to its runs: which there are, and which points of the report each belongs to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import methods
from tflm_tinyprop.study.settings import RunSettings, Study

if TYPE_CHECKING:
    from tflm_tinyprop.study.parse import Experiment

# Settings of a run, beside those of its method, that a sweep may vary.
RUN_SETTINGS = ("learning_rate", "batch_size", "epochs", "train_samples")


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run in its place. swept, value: the point of a sweep; None for a run that no sweep changes.

    Several planned runs may have the same settings (a sweep that passes the default): they share one result.
    """

    study: str
    experiment: str
    swept: str | None
    value: object
    settings: RunSettings


def planned_runs(studies: list[Study]) -> list[PlannedRun]:
    return [run for study in studies for experiment in study.experiments for run in _runs(study, experiment)]


def _runs(study: Study, experiment: Experiment) -> list[PlannedRun]:
    runs = []
    # The seed outermost: after a part of the time there is a part of the seeds, and every point has a value.
    for seed in experiment.seeds:
        for settings in _combinations(experiment, seed):
            for swept, value in _points(experiment, settings):
                changed = apply_setting(settings, swept, value) if swept else settings
                runs.append(PlannedRun(study.name, experiment.name, swept, value, changed))
    return runs


def _combinations(experiment: Experiment, seed: int):
    for data in experiment.data:
        for model in experiment.models:
            for perturbation in experiment.perturbations:
                for method in experiment.methods:
                    yield RunSettings(
                        data=data, model=model, method=method, seed=seed, epochs=experiment.epochs,
                        learning_rate=experiment.learning_rate, batch_size=experiment.batch_size,
                        pretrain=experiment.pretrain, trainable_layers=experiment.trainable_layers,
                        backend=experiment.backend, perturbation=perturbation,
                        evaluate_every=experiment.evaluate_every,
                    )


def _points(experiment: Experiment, settings: RunSettings):
    """(setting, value) of every sweep that concerns the method; (None, None) once if one does not."""
    own = [name for name in experiment.sweep if concerns(name, settings.method)]
    if len(own) < len(experiment.sweep) or not experiment.sweep:
        yield None, None
    for name in own:
        for value in experiment.sweep[name]:
            yield name, value


def concerns(setting: str, method: methods.MethodSettings) -> bool:
    """Whether a setting makes a difference to a method."""
    if setting in RUN_SETTINGS:
        return method.name != "none"
    return setting in method.settings


def apply_setting(settings: RunSettings, name: str, value) -> RunSettings:
    """The run with one setting replaced: one of RUN_SETTINGS, or one of the method's.

    Raises ConfigError if the method has no such setting or the value contradicts the others.
    """
    if name == "learning_rate":
        return dataclasses.replace(settings, learning_rate=dataclasses.replace(settings.learning_rate, peak=value))
    if name == "train_samples":
        return dataclasses.replace(settings, data=dataclasses.replace(settings.data, train_samples=value))
    if name in RUN_SETTINGS:
        return dataclasses.replace(settings, **{name: value})
    if name not in settings.method.settings:
        raise ConfigError(f"method {settings.method.name} has no setting {name!r}")
    return dataclasses.replace(settings, method=settings.method.replaced(name, value))
