"""The search: which configurations are tried, and when one is given up."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.conversion.losses import Loss
from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study.fields import read
from tflm_tinyprop.tuning import journal, table
from tflm_tinyprop.tuning.problem import EpochFigures, Problem, TuneSettings
from tflm_tinyprop.tuning.result import Tried, TuneResult

_DEFAULT = TinyPropConfig.v2()
# s_min is searched as a share of s_max, so that every point is a valid configuration. A threshold of d_max would skip
# all samples but those with the largest error so far.
SPACE = {
    "s_max": FloatDistribution(0.01, 1.0), "s_min_share": FloatDistribution(0.0, 1.0),
    "zeta": FloatDistribution(0.2, 1.0), "threshold": FloatDistribution(0.0, 0.9 * _DEFAULT.d_max * _DEFAULT.beta),
}
# Trials within the budget that a new one is compared with; fewer say little.
_COMPARED = 5
_FULL = "full_score"
_SCORE, _EFFORT = "score", "effort"


def tune(model, x, y, *, budget: float = 0.10, trials: int = 50, epochs: int = 10, learning_rate: float = 0.02,
         batch_size: int = 1, trainable_layers="all", loss="sparse_categorical_crossentropy",
         output: str | int | None = None, seed: int = 0, seeds: int = 1, validation_share: float = 0.2, storage: str | os.PathLike | None = None,
         echo: Callable[[str], None] | None = None) -> TuneResult:
    """Searches s_min, s_max, zeta and threshold for the best validation score with backward effort <= budget.

    Args:
        model: as for convert(); every trial starts from its weights.
        x, y: training samples, as for Trainer.fit; `validation_share` of them is held out to judge by.
        budget: largest backward effort, in (0, 1]: a share of full backpropagation of the same layers.
        trials: how many, the first with the defaults of TinyPropConfig; those in `storage` count.
        epochs, learning_rate: of each training; the rate is the peak of a warm-up and cosine annealing.
        loss, output: as for convert().
        seeds: trainings per trial, with the seeds seed, seed + 1, ...; their means count.
        storage: file of the search. With it an interrupted search goes on where it stopped, and ends as one that was
            not interrupted. None keeps it in memory.
        echo: takes lines of progress.

    Raises:
        ConfigError: a setting is out of range, or `storage` belongs to another model, data or settings.
        ModelError, DataError: as convert() and Trainer.fit.
    """
    settings = read(TuneSettings, {
        "budget": budget, "epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size,
        "trainable_layers": trainable_layers, "loss": loss if isinstance(loss, str) else Loss.of(loss), "output": output, "seed": seed, "seeds": seeds,
        "validation_share": validation_share}, "tune")
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ConfigError(f"trials must be a whole number of at least 1, got {trials!r}")
    problem = Problem(model, x, y, settings)
    direction = "maximize" if problem.metric == "accuracy" else "minimize"
    with journal.open_study(storage, problem.fingerprint, direction) as study:
        return _search(study, problem, trials, echo or (lambda line: None))


def _search(study: optuna.Study, problem: Problem, trials: int, echo) -> TuneResult:
    budget = problem.settings.budget
    done = len(_counted(study))
    echo(f"{problem.sizes[0]} samples to train, {problem.sizes[1]} to judge by; {trials} trials"
         + (f", {done} of them are there already" if done else ""))
    if _FULL not in study.user_attrs:
        study.set_user_attr(_FULL, problem.evaluate(TinyPropConfig.full())[0])
    echo(f"full training: {problem.metric} {study.user_attrs[_FULL]:.4f}")
    for number in range(done, trials):
        # A new sampler for every trial, seeded by its place, so that an interruption makes no difference.
        study.sampler = optuna.samplers.TPESampler(seed=_sampler_seed(problem.settings.seed, number))
        echo(f"{number + 1}/{trials}  {_run_trial(study, problem, first=number == 0)}")
    counted = _counted(study)
    tried = tuple(Tried(number, configuration(t.params), t.user_attrs[_SCORE], t.user_attrs[_EFFORT])
                  for number, t in enumerate(counted, start=1) if t.state is TrialState.COMPLETE)
    return TuneResult(budget, problem.metric, tried, len(counted) - len(tried), study.user_attrs[_FULL])


def _counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that ended by themselves, in order."""
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def _sampler_seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def configuration(params: dict[str, float]) -> TinyPropConfig:
    """A point of SPACE as settings, short enough to read."""
    s_max = round(params["s_max"], 4)
    return TinyPropConfig.v2(s_min=round(s_max * params["s_min_share"], 4), s_max=s_max,
                             zeta=round(params["zeta"], 4), threshold=round(params["threshold"], 4))


def _default_params() -> dict[str, float]:
    return {"s_max": _DEFAULT.s_max, "s_min_share": _DEFAULT.s_min / _DEFAULT.s_max, "zeta": _DEFAULT.zeta,
            "threshold": _DEFAULT.threshold}


def _run_trial(study: optuna.Study, problem: Problem, first: bool) -> str:
    """Runs and records one trial; returns what came of it."""
    # An interruption may have left the default in the queue.
    if first and not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
        study.enqueue_trial(_default_params())
    trial = study.ask(SPACE)
    config = configuration(trial.params)
    why, effort_at_least = "its loss is not finite", 0.0

    def give_up(figures: EpochFigures) -> bool:
        nonlocal why, effort_at_least
        if figures.seed_index == 0 and np.isfinite(figures.score):
            trial.report(figures.score, figures.epoch)
        effort_at_least = _effort_at_least(problem, figures)
        # The default is trained to the end, for comparison.
        reason = None if first else _hopeless(study, problem, figures)
        why = reason or why
        return bool(reason)

    figures = problem.evaluate(config, give_up)
    trial.set_constraint("budget", effort_at_least - problem.settings.budget)
    shown = table.settings(config)
    if figures is None or not np.isfinite(figures[0]):
        study.tell(trial, state=TrialState.PRUNED)
        return f"{shown}: given up, {why}"
    score, effort = figures
    trial.set_user_attr(_SCORE, score)
    trial.set_user_attr(_EFFORT, effort)
    study.tell(trial, score)
    over = "" if effort <= problem.settings.budget else ", above the budget"
    return f"{shown}: {problem.metric} {score:.4f}, backward effort {effort:.4f}{over}"


def _effort_at_least(problem: Problem, figures: EpochFigures) -> float:
    """What the trial's effort would be if nothing more were trained."""
    return figures.effort_sum / (problem.settings.epochs * problem.settings.seeds)


def _hopeless(study: optuna.Study, problem: Problem, figures: EpochFigures) -> str | None:
    """Why a trial need not go on: above the budget for sure, or worse than half of those within it."""
    last = figures.epoch == problem.settings.epochs
    if last and figures.seed_index + 1 == problem.settings.seeds:
        return None  # nothing is saved, and the figures are of use
    if _effort_at_least(problem, figures) > problem.settings.budget:
        return f"above the budget after epoch {figures.epoch}"
    if figures.seed_index or 3 * figures.epoch <= problem.settings.epochs:
        return None
    others = [t.intermediate_values[figures.epoch] for t in _counted(study)
              if t.state is TrialState.COMPLETE and t.user_attrs[_EFFORT] <= problem.settings.budget]
    if len(others) < _COMPARED:
        return None
    median = float(np.median(others))
    worse = figures.score < median if problem.metric == "accuracy" else figures.score > median
    return f"{problem.metric} {figures.score:.4f} after epoch {figures.epoch}" if worse else None
