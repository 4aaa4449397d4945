"""What a study is made of, as plain values. A run is determined by its RunSettings and by nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tflm_tinyprop.study import fields
from tflm_tinyprop.study.methods import MethodSettings

if TYPE_CHECKING:
    from tflm_tinyprop.study.parse import Experiment

# Part of every id: raise it when the same settings come to mean another run.
ID_VERSION = 1


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """name: of a data set, or "npz" with `path`. Limits: seeded, stratified subsets; None takes all samples.

    fingerprint: hash of the user's own file, so that a changed file gives other runs.
    """

    name: str
    train_samples: int | None = None
    test_samples: int | None = None
    path: str | None = None
    fingerprint: str | None = None

    @property
    def label(self) -> str:
        return pathlib.Path(self.path).stem if self.path else self.name


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """name: of a model, or "keras" with `path`; fingerprint as for the data."""

    name: str
    path: str | None = None
    fingerprint: str | None = None

    @property
    def label(self) -> str:
        return pathlib.Path(self.path).stem if self.path else self.name


@dataclasses.dataclass(frozen=True)
class PretrainSettings:
    """How the start model is trained in Keras (Adam, cosine) before it goes to the device.

    share: of the training samples, if the data set has no source part of its own. shift: whether the device sees
    the shifted inputs that the data set defines.
    """

    epochs: fields.Count
    learning_rate: fields.Positive = 0.002
    batch_size: fields.Count = 64
    share: Annotated[fields.Number, Field(ge=0.01, le=0.99)] = 0.5
    shift: fields.Flag = True


@dataclasses.dataclass(frozen=True)
class RateSettings:
    """peak: largest learning rate. schedule: cosine or constant. warmup: share of the steps that rise linearly."""

    peak: fields.Positive
    schedule: Annotated[str, fields.one_of(("cosine", "constant"), "schedule")] = "cosine"
    warmup: fields.Share = 0.025


@dataclasses.dataclass(frozen=True)
class Perturbation:
    """What happens to the samples on the way (perturbations.py has the kinds and their settings)."""

    kind: str = "none"
    settings: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        settings = ", ".join(f"{name} {value:g}" for name, value in self.settings.items())
        return f"{self.kind} ({settings})" if settings else self.kind

    def as_dict(self) -> dict:
        return {"kind": self.kind, **self.settings}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """One training of one model with one method.

    trainable_layers: as for convert(); methods that train fewer take the last of them. evaluate_every: epochs
    between evaluations; 0 evaluates before and after the training only.
    """

    data: DataSettings
    model: ModelSettings
    method: MethodSettings
    seed: int
    epochs: int
    learning_rate: RateSettings
    batch_size: int = 1
    pretrain: PretrainSettings | None = None
    trainable_layers: str | int | tuple[str, ...] = "all"
    backend: str = "auto"
    perturbation: Perturbation = Perturbation()
    evaluate_every: int = 1

    def as_dict(self) -> dict:
        """Everything that matters, as JSON holds it."""
        plain = {name: value.as_dict() if hasattr(value, "as_dict") else
                 dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
                 for name, value in ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))}
        # Where the user's files lie does not matter, what is in them does.
        for part in ("data", "model"):
            if plain[part]["path"]:
                plain[part]["path"] = pathlib.Path(plain[part]["path"]).name
        return json.loads(json.dumps(plain))

    @property
    def id(self) -> str:
        return _hash(self.as_dict())

    @property
    def start_id(self) -> str:
        """Of the start model: what it depends on."""
        settings = self.as_dict()
        data = dict(settings["data"])
        if self.pretrain:
            # The source part is not limited, and the test part is no part of it.
            data = {k: data[k] for k in ("name", "path", "fingerprint")}
        return _hash({"data": data, **{k: settings[k] for k in ("model", "pretrain", "seed")}})

    def describe(self) -> str:
        """One line for progress and errors."""
        parts = [self.data.label, self.model.label, self.method.label]
        if self.perturbation.kind != "none":
            parts.append(self.perturbation.label)
        return f"{', '.join(parts)}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Study:
    """A YAML file. name: the file's, without suffix. experiments: as parse.py reads them."""

    name: str
    title: str
    text: str
    experiments: tuple[Experiment, ...]


def _hash(value) -> str:
    canonical = json.dumps({"version": ID_VERSION, **value}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
