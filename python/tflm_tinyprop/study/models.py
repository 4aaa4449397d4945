"""The models of a study: those of the zoo, mlp5, and the user's own .keras file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from tflm_tinyprop.errors import DataError, ModelError
from tflm_tinyprop.models import zoo
from tflm_tinyprop.study.data import Data
from tflm_tinyprop.study.settings import ModelSettings


@dataclasses.dataclass(frozen=True)
class Model:
    """A row of the table. build(sample shape, classes or None) -> untrained Keras model."""

    title: str
    build: Callable


def mlp5(shape: tuple[int, ...], classes: int):
    """Five dense layers, as the paper's DNN; narrower for inputs of fewer than 100 numbers."""
    from keras import Input, Sequential, layers

    inputs = math.prod(shape)
    widths = (128, 64, 48, 32) if inputs >= 100 else (64, 48, 32, 24)
    flatten = [layers.Flatten(name="flatten")] if len(shape) > 1 else []
    return Sequential(
        [Input(shape, name="input"), *flatten,
         *(layers.Dense(units, activation="relu", name=f"dense_{i}") for i, units in enumerate(widths, start=1)),
         layers.Dense(classes, activation="softmax", name="class")], name="mlp5")


MODELS: dict[str, Model] = {
    "mlp5": Model("five dense layers", mlp5),
    "small_cnn": Model("three convolutions, for grey images", lambda s, c: zoo.small_cnn(c, s[0])),
    "ds_cnn": Model("DS-CNN of MLPerf Tiny, for 49x10 MFCCs", lambda s, c: zoo.ds_cnn(c)),
    "resnet8": Model("ResNet-8 of MLPerf Tiny, for 32x32x3", lambda s, c: zoo.resnet8(c)),
    "mobilenet_v1": Model("MobileNetV1 0.25, for colour images", lambda s, c: zoo.mobilenet_v1(c, s[0])),
    "mobilenet_v2": Model("MobileNetV2 0.35, for colour images", lambda s, c: zoo.mobilenet_v2(s[0], c)),
    "conv1d": Model("Conv1D classifier, for windows of sensor channels", lambda s, c: zoo.conv1d(c, s[0], s[1])),
    "autoencoder": Model("autoencoder of MLPerf Tiny, for recordings", lambda s, c: zoo.autoencoder(s[0])),
}


def build(settings: ModelSettings, data: Data):
    """The Keras model for the data.

    Raises ModelError if the file cannot be read, DataError if the model does not fit the data.
    """
    shape = data.train.x.shape[1:]
    if settings.path is not None:
        model = _read(settings.path)
    else:
        try:
            model = MODELS[settings.name].build(shape, data.classes)
        except (ValueError, IndexError, TypeError) as error:
            raise DataError(f"model {settings.name} cannot be built for samples of shape {shape}: {error}") from error
    _check(settings.label, model, data, shape)
    return model


def _read(path: str):
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its readers raise
        raise ModelError(f"{path} is not a Keras model that can be loaded: {error}") from error


def _check(name: str, model, data: Data, shape: tuple[int, ...]) -> None:
    outputs = shape if data.classes is None else (data.classes,)
    for what, expected, found in (("takes samples", tuple(model.input_shape[1:]), shape),
                                  ("gives outputs", tuple(model.output_shape[1:]), outputs)):
        if expected != found:
            raise DataError(f"model {name} {what} of shape {expected}, data set {data.name} has {found}")
