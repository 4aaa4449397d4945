"""A study's YAML file, read strictly. README.md describes the keys."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Annotated, Any

import pydantic
from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo

from tflm_tinyprop import files
from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import fields, methods, perturbations, plan
from tflm_tinyprop.study.datasets import DATA_SETS
from tflm_tinyprop.study.models import MODELS
from tflm_tinyprop.study.settings import (
    DataSettings,
    ModelSettings,
    PretrainSettings,
    RateSettings,
    Study,
)

BACKENDS = ("auto", methods.INTERPRETER, methods.SIMULATION)


def load_study(path: pathlib.Path) -> Study:
    """Reads a YAML file. Paths in it are relative to its folder.

    Raises ConfigError with the place in the file; for an unknown name also with those that there are.
    """
    path = pathlib.Path(path)
    return parse_study(files.read_bytes(path).decode("utf-8", "replace"), path)


def parse_study(content: str, path: pathlib.Path) -> Study:
    whole = Annotated[_File, fields.mapping(_File.model_fields)]
    file = fields.read(whole, fields.read_yaml(content, str(path)), str(path))
    if not file.experiments:
        raise ConfigError(f"{path}.experiments: there are none")
    experiments = tuple(
        _experiment(str(name), {"title": str(name), **file.defaults, **entry} if isinstance(entry, dict) else entry,
                    f"{path}.experiments.{name}", path.parent) for name, entry in file.experiments.items())
    study = Study(path.stem, file.title or path.stem, file.text, experiments)
    for run in plan.planned_runs([study]):
        _check_run(run, f"{path}.experiments.{run.experiment}")
    return study


def _experiment(name: str, merged, where: str, folder: pathlib.Path) -> Experiment:
    found = fields.read(Annotated[Experiment, fields.mapping(_KEYS)], merged, where, folder=folder)
    for key, listed in (("data", found.data), ("model", found.models), ("methods", found.methods)):
        labels = [element.label for element in listed]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:  # reports could not tell them apart
            raise ConfigError(f"{where}.{key}: {twice[0]!r} is there twice; "
                              "give methods a label, and put the others into experiments of their own")
    return found.model_copy(update={"name": name})


def _fingerprint(path: pathlib.Path) -> str:
    return hashlib.sha256(files.read_bytes(path)).hexdigest()[:16]


class _DataEntry(pydantic.BaseModel):
    """name: of a data set, or the path of an .npz."""

    model_config = fields.STRICT
    name: fields.Text
    train_samples: fields.Count = None
    test_samples: fields.Count = None


def _data(value, info: ValidationInfo) -> DataSettings:
    entry = _DataEntry.model_validate(value)
    limits = entry.model_dump(exclude={"name"})
    path = info.context["folder"] / entry.name
    if entry.name.endswith(".npz"):
        return DataSettings("npz", path=str(path), fingerprint=_fingerprint(path), **limits)
    if entry.name not in DATA_SETS:
        raise ValueError(f"unknown data set {entry.name!r}; there are {', '.join(DATA_SETS)}, <path>.npz")
    return DataSettings(entry.name, **limits)


def _model(value, info: ValidationInfo) -> ModelSettings:
    name = pydantic.TypeAdapter(fields.Text).validate_python(value)
    path = info.context["folder"] / name
    if name.endswith((".keras", ".h5")):
        return ModelSettings("keras", str(path), _fingerprint(path))
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; there are {', '.join(MODELS)}, <path>.keras")
    return ModelSettings(name)


def _layers(value):
    if value == "all":
        return value
    kind = Annotated[tuple[fields.Text, ...], BeforeValidator(fields.not_empty)]
    return pydantic.TypeAdapter(kind if isinstance(value, list) else fields.Count).validate_python(value)


_VALUE_TYPES = {**methods.SETTINGS, **dict.fromkeys(plan.RUN_SETTINGS, fields.Count), "learning_rate": fields.Positive}
_Values = pydantic.create_model("_Values", __config__=pydantic.ConfigDict(extra="forbid"), **{
    name: (fields.several(kind), None) for name, kind in _VALUE_TYPES.items()})


def _values(value: dict) -> dict[str, tuple]:
    found = _Values.model_validate(value)
    return {name: getattr(found, name) for name in value}  # in the order of the file


def _names(kind) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


# Setting -> values, for sweeps and marks.
_Swept = Annotated[object, PlainValidator(_values), fields.mapping(_VALUE_TYPES)]


# Under names of their own, because fields of an experiment are called as the modules.
_Method, _Perturbation, _UNPERTURBED = methods.Listed, perturbations.Listed, (perturbations.NONE,)


class Experiment(pydantic.BaseModel):
    """A part of a study, with the file's defaults in it: all combinations of what it lists.

    sweep: setting -> values; each is varied alone, the others stay. marks: setting -> values that plots mark.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    name: str = ""  # the key that it stands under
    title: fields.Text
    text: fields.Text = ""
    data: fields.several(Annotated[Any, PlainValidator(_data), fields.mapping(_DataEntry.model_fields, short="name")])
    models: fields.several(Annotated[Any, PlainValidator(_model)]) = Field(alias="model")
    methods: fields.several(_Method)
    seeds: fields.several(Annotated[fields.Whole, Field(ge=0, le=2**31 - 1)])
    epochs: fields.Count
    batch_size: Annotated[fields.Count, Field(le=65535)] = 1
    learning_rate: Annotated[RateSettings, fields.mapping(_names(RateSettings), short="peak")]
    pretrain: Annotated[PretrainSettings, fields.mapping(_names(PretrainSettings))] | None = None
    trainable_layers: Annotated[Any, PlainValidator(_layers)] = "all"
    backend: Annotated[Any, fields.one_of(BACKENDS, "backend")] = "auto"
    perturbations: fields.several(_Perturbation) = _UNPERTURBED
    evaluate_every: Annotated[fields.Whole, Field(ge=0)] = 1
    sweep: _Swept = {}
    marks: _Swept = {}


_KEYS = [field.alias or name for name, field in Experiment.model_fields.items() if name != "name"]


class _File(pydantic.BaseModel):
    """experiments, defaults: each entry is read by itself, merged."""

    model_config = fields.STRICT
    title: fields.Text = None
    text: fields.Text = ""
    defaults: Annotated[dict, fields.mapping(_KEYS)] = {}
    experiments: dict


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
