"""Checks samples and labels against a model, and brings them into the form TFLM takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tflm_tinyprop.errors import DataError
from tflm_tinyprop.format.losses import CLASS_INDEX, ONE_HOT, TARGET
from tflm_tinyprop.trainable_model import TrainableModel


def prepare_inputs(model: TrainableModel, x, name: str = "x") -> list[np.ndarray]:
    """One C-contiguous array per model input, [N, ...], of the input's dtype.

    x: an array; for several inputs a sequence in their order, or a dict by input name. Numbers of any
    real type are converted; anything else is a DataError.
    """
    specs = model.inputs
    if isinstance(x, Mapping):
        names = [spec.name for spec in specs]
        if set(x) != set(names):
            raise DataError(f"{name} has the keys {sorted(map(str, x))}, the model's inputs are {names}")
        x = [x[n] for n in names]
    elif len(specs) == 1:
        x = [x]
    elif not isinstance(x, (list, tuple)) or len(x) != len(specs):
        raise DataError(f"{name} must be a list of {len(specs)} arrays, one per input of the model")
    arrays = [_prepare_input(spec, values, name) for spec, values in zip(specs, x, strict=True)]
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1:
        raise DataError(f"the inputs in {name} have different numbers of samples: {sorted(lengths)}")
    if lengths == {0}:
        raise DataError(f"{name} is empty: it has no samples")
    return arrays


def _prepare_input(spec, values, name: str) -> np.ndarray:
    array = _as_array(values, f"{name} for input '{spec.name}'")
    expected = spec.shape[1:]
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} for input '{spec.name}' has dtype {array.dtype}; expected {spec.dtype} or another real number")
    if array.dtype.kind == "f" and spec.dtype.kind != "f":
        raise DataError(f"{name} for input '{spec.name}' has dtype {array.dtype}; the model takes {spec.dtype}")
    if array.ndim == 0 or array.shape[1:] != expected:
        raise DataError(
            f"{name} for input '{spec.name}' has shape {array.shape}; expected (samples, {', '.join(map(str, expected))})"
        )
    return np.ascontiguousarray(array, dtype=spec.dtype)


def _as_array(values, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:  # rows of unequal lengths, say
        raise DataError(f"{name} is no array of numbers: {error}") from None


def prepare_labels(model: TrainableModel, y, samples: int, name: str = "y") -> np.ndarray:
    """Labels as the label tensor takes them: int32 [N] class indices, or float32 [N, ...]."""
    array = _as_array(y, name)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}; expected numbers")
    if array.ndim == 0 or len(array) != samples:
        raise DataError(f"{name} has {0 if array.ndim == 0 else len(array)} labels for {samples} samples")
    label = model.training.loss_kind.label
    if label == CLASS_INDEX:
        return _class_indices(model, array, name)
    expected = model.label.shape[1:]
    if array.ndim == 1 and expected == (1,):  # one label a sample, as Keras takes it too
        array = array[:, None]
    if array.shape[1:] != expected:
        hint = ""
        if label == ONE_HOT and array.ndim == 1:
            hint = "; for class indices convert with loss='sparse_categorical_crossentropy'"
        raise DataError(f"{name} has shape {array.shape}; expected (samples, {', '.join(map(str, expected))}){hint}")
    values = np.ascontiguousarray(array, dtype=np.float32)
    if label != TARGET:
        _check_probabilities(model, values, name)
    return values


def _check_probabilities(model: TrainableModel, values: np.ndarray, name: str) -> None:
    """Labels of a cross entropy are from 0 to 1; NaN is not."""
    wrong = np.argwhere(~((values >= 0) & (values <= 1)))
    if wrong.size:
        place = ", ".join(map(str, wrong[0]))
        raise DataError(f"{name}[{place}] is {values[tuple(wrong[0])]:g}, but labels of {model.loss} are from 0 to 1; "
                        f"{len(wrong)} value(s) are out of range")


def _class_indices(model: TrainableModel, array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{name} has shape {array.shape}; expected one class index per sample "
            "(for one-hot labels convert with loss='categorical_crossentropy')"
        )
    if array.dtype.kind not in "iu":
        raise DataError(f"{name} has dtype {array.dtype}; class indices must be integers")
    classes = model.classes
    wrong = np.flatnonzero((array < 0) | (array >= classes))
    if wrong.size:
        raise DataError(
            f"{name}[{wrong[0]}] is {array[wrong[0]]}, but the model has {classes} classes "
            f"(0 to {classes - 1}); {wrong.size} label(s) are out of range"
        )
    return np.ascontiguousarray(array, dtype=np.int32)


def invalid_label(label: np.ndarray):
    """A label that TinyProp's loss ops turn into a closed gate: fills up the last batch."""
    return -1 if label.dtype.kind == "i" else np.nan
