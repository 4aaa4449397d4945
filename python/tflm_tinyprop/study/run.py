"""One run: settings in, result out."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable

import numpy as np

from tflm_tinyprop.study import datasets, environment
from tflm_tinyprop.study.backends import choose_backend, make_backend
from tflm_tinyprop.study.perturbations import Course, make_course
from tflm_tinyprop.study.rates import learning_rates
from tflm_tinyprop.study.scores import score
from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.start import start_model
from tflm_tinyprop.study.store import FINISHED


def execute(settings: RunSettings, folder: pathlib.Path, places: datasets.Places = datasets.Places(), *,
            after_epoch: Callable[[int, dict], bool] | None = None) -> dict:
    """Trains and evaluates one configuration.

    Args:
        settings: what to run.
        folder: where start models are kept (and made, if missing).
        places: where data sets are.
        after_epoch: called with the number of epochs done and the history so far; True ends the training.

    Returns:
        status, backend, metric ("accuracy" or "auc"), loss, history, final, versions, cpu, seconds.
        history: evaluated (epochs done at each evaluation, 0 first) and per evaluation the metric, also as
        <metric>_old, _new, _missing, _present where the perturbation has such parts; and per epoch samples, loss,
        train_accuracy, backward_effort, step_effort, skip_rate, non_finite and gradient_shares {layer: [k / n]}.
        final: the metric (and _before the training, _best of the evaluations), and of the efforts and the skip rate
        the means over all samples.

    Raises:
        TinyPropError: data, model or settings do not fit together.
    """
    started = time.monotonic()
    data = datasets.load(settings.data, settings.pretrain, settings.seed, places)
    model = start_model(settings, data, folder)
    course = make_course(data, settings)
    prepared = time.monotonic()
    training = settings.method.training
    backend_name = choose_backend(settings.backend, training)
    steps = sum(-(-size // settings.batch_size) for size in course.sizes)
    backend = make_backend(
        backend_name, model, training, trainable_layers=settings.trainable_layers, loss=data.loss,
        batch_size=settings.batch_size, rates=learning_rates(settings.learning_rate, steps), seed=settings.seed,
    )
    history = _train(settings, backend, course, data.metric, training.config is not None, after_epoch)
    return {
        "status": FINISHED, "backend": backend_name, "metric": data.metric, "loss": data.loss, "history": history,
        "final": _final(history, data.metric), "train_samples": len(data.train), "test_samples": len(data.test),
        "versions": environment.versions(), "cpu": environment.cpu_name(),
        "seconds": time.monotonic() - prepared, "seconds_prepare": prepared - started,
    }


def _train(settings, backend, course: Course, metric: str, trains: bool, after_epoch) -> dict:
    history: dict = {"evaluated": [], "gradient_shares": {}}
    _evaluate(backend, course, metric, 0, history)
    for epoch, samples in enumerate(course.epochs() if trains else (), start=1):
        result = backend.fit_epoch(samples)
        history.setdefault("samples", []).append(len(samples))
        for name, value in result.metrics.items():
            history.setdefault("train_accuracy" if name == "accuracy" else name, []).append(value)
        for layer, share in result.gradient_shares.items():
            # An epoch in which nothing was trained leaves no share.
            shares = history["gradient_shares"].setdefault(layer, [])
            shares += [None] * (epoch - 1 - len(shares)) + [share]
        every = settings.evaluate_every
        if epoch == settings.epochs or every and epoch % every == 0:
            _evaluate(backend, course, metric, epoch, history)
        if after_epoch is not None and after_epoch(epoch, history):
            break
    return history


def _evaluate(backend, course: Course, metric: str, epochs: int, history: dict) -> None:
    history["evaluated"].append(epochs)
    predictions: dict[int, np.ndarray] = {}
    for name, samples in course.tests.items():
        # The main test is often one of the others too.
        if id(samples) not in predictions:
            predictions[id(samples)] = backend.predict(samples.x) if len(samples) else samples.x
        value = score(predictions[id(samples)], samples)
        history.setdefault(f"{metric}_{name}" if name else metric, []).append(value)


def _final(history: dict, metric: str) -> dict[str, float]:
    final = {name: values[-1] for name, values in history.items() if name.split("_")[0] == metric}
    final |= {f"{metric}_before": history[metric][0], f"{metric}_best": float(np.nanmax(history[metric]))}
    samples = history.get("samples")
    for name in ("backward_effort", "step_effort", "skip_rate"):
        # Without training a step is the forward pass alone, which is the user's own inference: no effort.
        final[name] = float(np.average(history[name], weights=samples)) if samples else 0.0
    final["non_finite"] = int(sum(history.get("non_finite", [0])))
    return final
