"""The self-test of a firmware: one sample, and what a training step on it has to give.

The expectation comes from the real interpreter with the same ops. A device computes the same up to rounding, so
that tolerances are a few hundred rounding errors, and the step is made large enough to stand out from them.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tflm_tinyprop.errors import DataError, ModelError
from tflm_tinyprop.format.losses import BINARY, CLASS_INDEX, TARGET
from tflm_tinyprop.trainable_model import TrainableModel
from tflm_tinyprop.training.data import prepare_inputs, prepare_labels
from tflm_tinyprop.training.trainer import Trainer

# Values of a generated float sample are multiples of this: exact in any format, and one byte each in flash.
FLOAT_STEP = 1 / 64
_SEEDS = 20
_LEARNING_RATES = (0.01, 0.1, 1.0, 10.0)
_LOSS_TOLERANCE = 1e-4  # of the loss, or absolute below 1
_WEIGHT_TOLERANCE = 1e-3  # of the change, plus
_ROUNDING = 1e-6  # of the weight
# The change has to be this many times the tolerance, so that a step that does nothing fails.
_DISTINCT = 20


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """One sample and one step.

    inputs: one array per model input, without the batch. is_generated: float inputs are multiples of FLOAT_STEP
    below 2 in magnitude. label: int32 [1], or float32 [elements]. variable: position among the trained
    variables; element: within it, flat. exported, weight: its value before and after the step.
    """

    inputs: tuple[np.ndarray, ...]
    is_generated: bool
    label: np.ndarray
    learning_rate: float
    loss: float
    loss_tolerance: float
    variable: int
    element: int
    exported: float
    weight: float
    weight_tolerance: float


def make_self_test(model: TrainableModel, data=None) -> SelfTest:
    """The self-test for a model with its own configuration.

    data: (x, y) whose first sample is used; without it a pseudo-random one, the same every time, with the label
    that the model finds least likely.

    Raises DataError if the sample of `data` is not trained, ModelError if no generated one is.
    """
    trainer = Trainer(model)
    if data is not None:
        x = [values[:1] for values in prepare_inputs(model, data[0])]
        y = prepare_labels(model, data[1], len(data[1]))[:1]
        test = _try_sample(trainer, x, y, is_generated=False)
        if test is None:
            raise DataError(
                "the first sample of the data does not train this model (it is skipped, not finite, or changes no "
                "weight), so that it cannot test a firmware; put another one first, or leave the data out"
            )
        return test
    for seed in range(_SEEDS):
        x = _generated_inputs(model, np.random.default_rng(seed))
        test = _try_sample(trainer, x, _unlikely_label(model, trainer.predict(_as_argument(x))), is_generated=True)
        if test is not None:
            return test
    raise ModelError(
        f"none of {_SEEDS} pseudo-random samples trains this model with its configuration ({model.config}); "
        "give a sample that does (data=, --data), or convert with other settings: a d_max below the threshold skips "
        "every sample"
    )


def _generated_inputs(model: TrainableModel, generator: np.random.Generator) -> list[np.ndarray]:
    return [_generated(spec, (1, *spec.shape[1:]), generator) for spec in model.inputs]


def _generated(spec, shape, generator: np.random.Generator) -> np.ndarray:
    dtype = spec.dtype
    if dtype == np.float32:
        return (generator.integers(-64, 65, shape) * FLOAT_STEP).astype(np.float32)
    if dtype in (np.int8, np.uint8, np.int16):
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype is not None and dtype.kind in "iub":  # may be indices: 0 and 1 are valid as a rule
        return generator.integers(0, 2, shape).astype(dtype)
    raise ModelError(
        f"input '{spec.name}' has type {dtype}, which a firmware cannot be fed with; convert a model with float32 or "
        "integer inputs"
    )


def _as_argument(x: list[np.ndarray]):
    return x[0] if len(x) == 1 else x


def _unlikely_label(model: TrainableModel, output: np.ndarray) -> np.ndarray:
    """A label on which the model has a large error."""
    label = model.training.loss_kind.label
    if label == TARGET:
        return (output + 1).astype(np.float32)
    if label == BINARY:
        return (output <= model.training.output_threshold).astype(np.float32).reshape(1, *model.label.shape[1:])
    worst = output.reshape(-1, model.classes).argmin(axis=-1).astype(np.int32)
    if label == CLASS_INDEX:
        return worst
    return np.eye(model.classes, dtype=np.float32)[worst].reshape(1, *model.label.shape[1:])


def _try_sample(trainer: Trainer, x: list[np.ndarray], y: np.ndarray, *, is_generated: bool) -> SelfTest | None:
    """The self-test on this sample, or None if it is not trained or changes too little."""
    for learning_rate in _LEARNING_RATES:
        trainer.reset()
        before = trainer.get_weights()
        # One sample, whatever the batch: as firmware does it, the other slots stay empty.
        logs = trainer.train_on_batch(_as_argument(x), y, learning_rate=learning_rate)
        if logs["skip_rate"] or logs["non_finite"]:
            return None
        after = trainer.get_weights()
        changes = [np.abs(a - b).max() for a, b in zip(after, before, strict=True)]
        variable = int(np.argmax(changes))
        element = int(np.abs(after[variable] - before[variable]).argmax())
        exported, weight = float(before[variable].flat[element]), float(after[variable].flat[element])
        change = abs(weight - exported)
        tolerance = _WEIGHT_TOLERANCE * change + _ROUNDING * max(abs(exported), abs(weight))
        if np.isfinite(change) and change > _DISTINCT * tolerance:
            return SelfTest(
                tuple(values[0] for values in x), is_generated, y.reshape(-1), learning_rate, logs["loss"],
                _LOSS_TOLERANCE * max(1.0, logs["loss"]), variable, element, exported, weight, tolerance,
            )
    return None

