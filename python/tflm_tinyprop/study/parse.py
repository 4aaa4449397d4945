"""A study's YAML file, read strictly. README.md describes the keys."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib

from tflm_tinyprop import files
from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import fields, methods, perturbations, plan
from tflm_tinyprop.study.datasets import DATA_SETS
from tflm_tinyprop.study.models import MODELS
from tflm_tinyprop.study.settings import (
    DataSettings,
    Experiment,
    ModelSettings,
    PretrainSettings,
    RateSettings,
    Study,
)

BACKENDS = ("auto", methods.INTERPRETER, methods.SIMULATION)
SCHEDULES = ("cosine", "constant")
_STUDY_KEYS = ("title", "text", "defaults", "experiments")
_KEYS = ("title", "text", "data", "model", "methods", "seeds", "epochs", "batch_size", "learning_rate", "pretrain",
         "trainable_layers", "backend", "perturbations", "evaluate_every", "sweep", "marks")


def load_study(path: pathlib.Path) -> Study:
    """Reads a YAML file. Paths in it are relative to its folder.

    Raises ConfigError with the place in the file; for an unknown name also with those that there are.
    """
    path = pathlib.Path(path)
    return parse_study(files.read_bytes(path).decode("utf-8", "replace"), path)


def parse_study(content: str, path: pathlib.Path) -> Study:
    reader = fields.Fields(fields.read_yaml(content, str(path)), str(path), _STUDY_KEYS)
    defaults = reader.take("defaults", _mapping, {})
    # What is wrong with the defaults should be reported there.
    fields.Fields(defaults, f"{path}.defaults", _KEYS)
    experiments = []
    for name, entry in reader.take("experiments", _mapping).items():
        where = f"{path}.experiments.{name}"
        merged = {**defaults, **entry} if isinstance(entry, dict) else entry
        experiments.append(_experiment(str(name), fields.Fields(merged, where, _KEYS), path.parent))
    if not experiments:
        raise ConfigError(f"{path}.experiments: there are none")
    study = Study(path.stem, reader.take("title", fields.text, path.stem), reader.take("text", fields.text, ""),
                  tuple(experiments))
    for run in plan.planned_runs([study]):
        _check_run(run, f"{path}.experiments.{run.experiment}")
    return study


def _experiment(name: str, entry: fields.Fields, folder: pathlib.Path) -> Experiment:
    whole = {"integer": True}
    experiment = Experiment(
        name=name,
        title=entry.take("title", fields.text, name),
        text=entry.take("text", fields.text, ""),
        data=entry.take("data", _several(lambda v, p: _data(v, p, folder))),
        models=entry.take("model", _several(lambda v, p: _model(v, p, folder))),
        methods=entry.take("methods", _several(methods.read)),
        seeds=entry.take("seeds", _several(lambda v, p: fields.number(v, p, low=0, high=2**31 - 1, **whole))),
        epochs=entry.take("epochs", fields.number, low=1, **whole),
        batch_size=entry.take("batch_size", fields.number, 1, low=1, high=65535, **whole),
        learning_rate=entry.take("learning_rate", _rate),
        pretrain=entry.take("pretrain", _pretrain, None),
        trainable_layers=entry.take("trainable_layers", _layers, "all"),
        backend=entry.take("backend", lambda v, p: fields.choose(v, BACKENDS, p, "backend"), "auto"),
        perturbations=entry.take("perturbations", _several(perturbations.read), (perturbations.NONE,)),
        evaluate_every=entry.take("evaluate_every", fields.number, 1, low=0, **whole),
        sweep=entry.take("sweep", _values, {}),
        marks=entry.take("marks", _values, {}),
    )
    for key, listed in (("data", experiment.data), ("model", experiment.models), ("methods", experiment.methods)):
        labels = [element.label for element in listed]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:  # reports could not tell them apart
            raise ConfigError(f"{entry.path}.{key}: {twice[0]!r} is there twice; "
                              "give methods a label, and put the others into experiments of their own")
    return experiment


def _several(read):
    """Reader of one value or a list of them; two equal ones are an error, since they would count twice."""

    def read_all(value, path: str) -> tuple:
        found = tuple(read(element, where) for element, where in fields.items(value, path))
        for index, element in enumerate(found):
            if element in found[:index]:
                raise ConfigError(f"{path}: {element!r} is listed twice")
        return found

    return read_all


def _mapping(value, path: str) -> dict:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a mapping, got {value!r}")
    return value


def _limit(value, path: str) -> int:
    return fields.number(value, path, low=1, integer=True)


def _data(value, path: str, folder: pathlib.Path) -> DataSettings:
    """A name, the path of an .npz, or a mapping with name, train_samples and test_samples."""
    if not isinstance(value, dict):
        value = {"name": value}
    entry = fields.Fields(value, path, ("name", "train_samples", "test_samples"))
    name, limits = entry.take("name", fields.text), {
        key: entry.take(key, _limit, None) for key in ("train_samples", "test_samples")}
    if name.endswith(".npz"):
        return DataSettings("npz", path=str(folder / name), fingerprint=_fingerprint(folder / name), **limits)
    return DataSettings(fields.choose(name, (*DATA_SETS, "<path>.npz"), path, "data set"), **limits)


def _model(value, path: str, folder: pathlib.Path) -> ModelSettings:
    name = fields.text(value, path)
    if name.endswith((".keras", ".h5")):
        return ModelSettings("keras", str(folder / name), _fingerprint(folder / name))
    return ModelSettings(fields.choose(name, (*MODELS, "<path>.keras"), path, "model"))


def _fingerprint(path: pathlib.Path) -> str:
    return hashlib.sha256(files.read_bytes(path)).hexdigest()[:16]


def _rate(value, path: str) -> RateSettings:
    """A number, the peak; or a mapping with peak, schedule and warmup."""
    if not isinstance(value, dict):
        value = {"peak": value}
    entry = fields.Fields(value, path, [f.name for f in dataclasses.fields(RateSettings)])
    return RateSettings(
        peak=entry.take("peak", _positive),
        schedule=entry.take("schedule", lambda v, p: fields.choose(v, SCHEDULES, p, "schedule"), "cosine"),
        warmup=entry.take("warmup", fields.number, 0.025, low=0, high=1),
    )


def _positive(value, path: str) -> float:
    return fields.number(value, path, low=1e-12)


def _pretrain(value, path: str) -> PretrainSettings | None:
    if value is None:
        return None
    entry = fields.Fields(value, path, [f.name for f in dataclasses.fields(PretrainSettings)])
    return PretrainSettings(
        epochs=entry.take("epochs", fields.number, low=1, integer=True),
        learning_rate=entry.take("learning_rate", _positive, PretrainSettings.learning_rate),
        batch_size=entry.take("batch_size", fields.number, PretrainSettings.batch_size, low=1, integer=True),
        share=entry.take("share", fields.number, PretrainSettings.share, low=0.01, high=0.99),
        shift=entry.take("shift", fields.flag, PretrainSettings.shift),
    )


def _layers(value, path: str):
    if value == "all":
        return value
    if isinstance(value, list):
        return tuple(fields.text(element, where) for element, where in fields.items(value, path))
    return fields.number(value, path, low=1, integer=True)


def _values(value, path: str) -> dict[str, tuple]:
    """Setting -> values, for sweeps and marks."""
    known = (*methods.SETTINGS, *plan.RUN_SETTINGS)
    read = {"learning_rate": _positive, "batch_size": _limit, "epochs": _limit, "train_samples": _limit}
    entry = fields.Fields(value, path, known)
    return {
        name: entry.take(name, _several(read.get(name) or (lambda v, p, n=name: methods.read_setting(n, v, p))))
        for name in value
    }


def _check_run(run: plan.PlannedRun, path: str) -> None:
    """What only the combination shows to be wrong."""
    settings = run.settings
    where = f"{path}.sweep.{run.swept}" if run.swept else f"{path}.methods"
    methods.check(settings.method, where)
    backends = settings.method.training.backends
    if settings.backend != "auto" and settings.backend not in backends:
        raise ConfigError(f"{path}.backend: method {settings.method.label} runs in {', '.join(backends)} only, "
                          f"not in {settings.backend}; with auto each method runs where it can")
    perturbations.check(settings, f"{path}.perturbations")
