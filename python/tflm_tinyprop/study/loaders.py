"""Reads data sets as they lie on disk. One function each; nothing is normalised or split here."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from tflm_tinyprop.errors import DataError


@dataclasses.dataclass(frozen=True)
class Raw:
    """x: [N, ...], y: class indices [N] (recordings: 1 for an anomaly)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclasses.dataclass(frozen=True)
class Places:
    """Where data may come from. folder: of the .npz files. download: whether Keras may use the network."""

    folder: pathlib.Path | None = None
    download: bool = False


def digits() -> Raw:
    """scikit-learn's handwritten digits, 8 x 8; the last quarter is the test part."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.float32)
    cut = len(x) * 3 // 4
    return Raw(x[:cut], y[:cut], x[cut:], y[cut:])


def from_arrays(arrays: Mapping[str, np.ndarray], path) -> Raw:
    """x_train, y_train, x_test, y_test of an .npz; of x and y the last fifth becomes the test part."""
    names = ("x_train", "y_train", "x_test", "y_test")
    if {"x", "y"} <= set(arrays) and "x_train" not in arrays:
        cut = len(arrays["x"]) * 4 // 5
        arrays = {"x_train": arrays["x"][:cut], "y_train": arrays["y"][:cut],
                  "x_test": arrays["x"][cut:], "y_test": arrays["y"][cut:]}
    if not set(names) <= set(arrays):
        raise DataError(f"{path} holds {', '.join(arrays) or 'nothing'}; expected {', '.join(names)}, or x and y")
    raw = Raw(*(np.asarray(arrays[name]) for name in names))
    for x, y, part in ((raw.x_train, raw.y_train, "train"), (raw.x_test, raw.y_test, "test")):
        if x.dtype.kind not in "fiub" or len(x) != len(y) or not len(x):
            raise DataError(f"{path}: x_{part} has shape {x.shape} and dtype {x.dtype}, y_{part} {y.shape}; expected "
                            "as many labels as samples, at least one, and numbers")
        if y.ndim != 1 or y.dtype.kind not in "iu" or y.min() < 0:
            raise DataError(f"{path}: y_{part} has shape {y.shape} and dtype {y.dtype}; expected class indices [N] from 0")
    return raw


def _keras_home() -> pathlib.Path:
    return pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras") / "datasets"


# Of what keras.datasets reads: the files that have to be there for it not to use the network.
KERAS_FILES = {
    "cifar100": ("cifar-100-python-target_archive",),
    "fashion_mnist": tuple(f"datasets/fashion-mnist/{name}.gz" for name in (
        "train-labels-idx1-ubyte", "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte")),
}


def keras_files(name: str) -> list[pathlib.Path]:
    """Where Keras keeps the files of one of KERAS_FILES."""
    home = _keras_home()
    return [home.parent / file if file.startswith("datasets/") else home / file for file in KERAS_FILES[name]]


def keras_dataset(name: str, places: Places) -> Raw:
    """One of KERAS_FILES, from Keras' cache; from the network only if that is allowed."""
    missing = [path for path in keras_files(name) if not path.exists()]
    if missing and not places.download:
        raise DataError(f"data set {name}: {missing[0]} is missing; --download lets Keras fetch it")
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # whatever Keras' download raises
        raise DataError(f"data set {name}: Keras could not load it: {error}") from error
    return Raw(x_train, y_train.ravel(), x_test, y_test.ravel())
