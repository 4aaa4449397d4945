"""What the commands share: reading arguments and files, and reporting errors without a traceback."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib

import typer

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.config_file import read_config
from tflm_tinyprop.conversion.keras_import import load_keras
from tflm_tinyprop.conversion.losses import Loss
from tflm_tinyprop.errors import ConfigError, DataError, TinyPropError
from tflm_tinyprop.npz import NpzFile
from tflm_tinyprop.training.callbacks import Callback


@contextlib.contextmanager
def reported_errors():
    """Turns the errors of this package, and those of files, into one line on stderr and exit code 1."""
    try:
        yield
    except BrokenPipeError:  # nobody reads any more: app.main ends quietly
        raise
    except (TinyPropError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def read_model(path: pathlib.Path):
    """A Keras model for .keras and .h5, the bytes of anything else."""
    return load_keras(path) if path.suffix in (".keras", ".h5") else files.read_bytes(path)


def read_labels(path: pathlib.Path | None) -> list[str] | None:
    if path is None:
        return None
    return files.read_bytes(path).decode("utf-8").split("\n")[:-1]


def parse_layers(text: str):
    """'all', a number of last layers, or a list of names."""
    if text == "all":
        return text
    return int(text) if text.lstrip("-").isdigit() else [name.strip() for name in text.split(",")]


def make_loss(name: str, label_smoothing: float, delta: float) -> Loss:
    return Loss(name, label_smoothing=label_smoothing, delta=delta)


def parse_output(text: str | None) -> str | int | None:
    """A position, or a name."""
    return int(text) if text is not None and text.isdigit() else text


def stored_config(path: pathlib.Path | None, method: str | None, ratio: float,
                  settings: list[str] | None) -> TinyPropConfig:
    """The configuration that convert stores: of a file or a method, with single settings replaced."""
    if path is None:
        return make_config(method, ratio, settings)
    if method is not None:
        raise ConfigError("--config and --method both give a configuration; pass one of them")
    return make_config(None, ratio, settings, read_config(path))


def make_config(method: str | None, ratio: float, settings: list[str] | None,
                default: TinyPropConfig | None = None) -> TinyPropConfig:
    """The method's configuration, or `default` without one, with single settings replaced."""
    makers = {"full": TinyPropConfig.full, "v1": TinyPropConfig.v1, "v2": TinyPropConfig.v2,
              "top-k": lambda: TinyPropConfig.top_k(ratio)}
    config = makers[method]() if method else (default or TinyPropConfig.v2())
    names = [field.name for field in dataclasses.fields(TinyPropConfig)]
    changes = {}
    for setting in settings or []:
        name, _, value = setting.partition("=")
        if name not in names:
            raise ConfigError(f"--set {setting}: no setting {name!r}; there are {', '.join(names)}")
        try:
            changes[name] = float(value)
        except ValueError:
            raise ConfigError(f"--set {setting}: {value!r} is not a number") from None
    return dataclasses.replace(config, **changes)


def load_data(path: pathlib.Path):
    """(x, y, validation) from an .npz; validation is (x_test, y_test) or None."""
    arrays = NpzFile(path)
    for x, y in (("x_train", "y_train"), ("x", "y")):
        if x in arrays and y in arrays:
            test = (arrays["x_test"], arrays["y_test"]) if {"x_test", "y_test"} <= set(arrays) else None
            return arrays[x], arrays[y], test
    raise DataError(f"{path} holds {', '.join(arrays) or 'nothing'}; expected x_train and y_train, or x and y")


def figures(logs: dict) -> str:
    return "  ".join(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
                     for name, value in logs.items())


class EpochPrinter(Callback):
    """One line of figures per epoch."""

    def on_epoch_end(self, epoch, logs=None):
        typer.echo(f"epoch {epoch + 1}: {figures(logs or {})}")
