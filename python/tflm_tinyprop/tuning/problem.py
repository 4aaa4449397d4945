"""What is tuned: a model, a training and a validation part of the data, and how one configuration is judged."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pydantic.dataclasses
from pydantic import Field

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import DataError
from tflm_tinyprop.study.data import stratified
from tflm_tinyprop.study.fields import Count, Number, Whole
from tflm_tinyprop.trainable_model import TrainableModel, convert
from tflm_tinyprop.training.callbacks import Callback
from tflm_tinyprop.training.data import prepare_inputs, prepare_labels
from tflm_tinyprop.training.schedules import WarmupCosine
from tflm_tinyprop.training.trainer import Trainer

WARMUP = 0.025  # share of the steps, as for `tinyprop train`


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=pydantic.ConfigDict(extra="forbid"))
class TuneSettings:
    """Everything that a trial depends on beside model and data. seeds: seed, seed + 1, ..., this many.

    loss: a name or a Loss. convert() checks the batch size, the layers, the loss and the output.
    """

    budget: Annotated[Number, Field(gt=0, le=1)] = 0.10
    epochs: Count = 10
    learning_rate: Annotated[Number, Field(gt=0)] = 0.02
    batch_size: Any = 1
    trainable_layers: Any = "all"
    loss: Any = "sparse_categorical_crossentropy"
    output: Any = None
    seed: Annotated[Whole, Field(ge=0)] = 0
    seeds: Count = 1
    validation_share: Annotated[Number, Field(gt=0, lt=1)] = 0.2


@dataclasses.dataclass(frozen=True)
class EpochFigures:
    """After an epoch of a training. epoch: from 1. effort: sum over all epochs of the trial so far."""

    seed_index: int
    epoch: int
    score: float
    effort_sum: float


class Problem:
    """Converted once; every call of evaluate() starts from the exported weights.

    Attributes:
        metric: "accuracy", or "loss" for a regression, on the validation part.
        fingerprint: setting -> value, for everything that a score depends on.
    """

    def __init__(self, model, x, y, settings: TuneSettings):
        """x, y: as for Trainer.fit; a share of them is held out. Raises ModelError or DataError if they do not fit."""
        self.settings = settings
        self.model: TrainableModel = convert(
            model, trainable_layers=settings.trainable_layers, loss=settings.loss,
            output=settings.output,
            config=TinyPropConfig.v2(), batch_size=settings.batch_size)
        inputs = prepare_inputs(self.model, x)
        labels = prepare_labels(self.model, y, len(inputs[0]))
        self.metric = "loss" if self.model.training.loss_kind.is_regression else "accuracy"
        training, validation = _hold_out(labels, settings, self.metric == "accuracy")
        self._training, self._validation = _part(inputs, labels, training), _part(inputs, labels, validation)
        self.sizes = len(training), len(validation)
        self.fingerprint = {
            "model": _hash([np.frombuffer(self.model.data, np.uint8)]), "data": _hash([*inputs, labels]),
            "defaults": dataclasses.asdict(TinyPropConfig.v2()),
            **{name: list(value) if isinstance(value, tuple) else value
               for name, value in dataclasses.asdict(settings).items()},
        }

    def evaluate(self, config: TinyPropConfig,
                 after_epoch: Callable[[EpochFigures], bool] = lambda figures: False) -> tuple[float, float] | None:
        """(score, backward effort), means over the seeds; None if after_epoch returned True, which ends the trial."""
        settings = self.settings
        watch = _Watch(self.metric, after_epoch)
        scores = []
        for index in range(settings.seeds):
            watch.seed_index = index
            self._fit(config, settings.seed + index, watch)
            if watch.ended:
                return None
            scores.append(watch.score)
        return float(np.mean(scores)), watch.effort_sum / (settings.epochs * settings.seeds)

    def _fit(self, config: TinyPropConfig, seed: int, watch: _Watch) -> None:
        settings = self.settings
        steps = settings.epochs * -(-self.sizes[0] // settings.batch_size)
        schedule = WarmupCosine.over(steps, settings.learning_rate, warmup=WARMUP)
        Trainer(self.model, config=config).fit(
            *self._training, epochs=settings.epochs, learning_rate=schedule,
            validation_data=self._validation, seed=seed, callbacks=[watch], verbose=False)


class _Watch(Callback):
    """Sums the efforts and asks after every epoch whether the trial should end."""

    def __init__(self, metric: str, after_epoch):
        self._metric = metric
        self._after_epoch = after_epoch
        self.seed_index = 0
        self.effort_sum, self.score = 0.0, math.nan
        self.ended = False

    def on_epoch_end(self, epoch, logs=None):
        self.effort_sum += logs["backward_effort"]
        self.score = float(logs[f"val_{self._metric}"])
        self.ended = bool(self._after_epoch(EpochFigures(self.seed_index, epoch + 1, self.score, self.effort_sum)))
        self.model.stop_training = self.ended


def _part(inputs: list[np.ndarray], labels: np.ndarray, chosen: np.ndarray):
    parts = [values[chosen] for values in inputs]
    return (parts if len(parts) > 1 else parts[0]), labels[chosen]


def _hold_out(labels: np.ndarray, settings: TuneSettings, classifies: bool) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the validation samples; seeded, and with every class's share in both."""
    samples = len(labels)
    wanted = round(settings.validation_share * samples)
    if not 0 < wanted < samples:
        raise DataError(f"of {samples} samples {wanted} would be held out for validation; both parts need some")
    generator = np.random.default_rng([settings.seed, 3])
    if classifies:
        if labels.dtype.kind == "i":
            classes = labels
        elif labels[0].size > 1:  # one-hot, or the first of the binary labels that is the largest
            classes = labels.reshape(samples, -1).argmax(axis=-1)
        else:
            classes = labels.reshape(samples) > 0.5
        validation = stratified(classes, wanted, generator)
    else:
        validation = np.sort(generator.permutation(samples)[:wanted])
    return np.setdiff1d(np.arange(samples), validation), validation


def _hash(arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
