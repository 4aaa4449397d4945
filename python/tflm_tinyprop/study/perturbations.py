"""What happens to the training samples on their way: noise, outliers, missing classes, other domains, streams."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Annotated

import numpy as np
import pydantic
from pydantic import Field, PlainValidator

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import fields
from tflm_tinyprop.study.data import Data, Samples
from tflm_tinyprop.study.settings import Perturbation, RunSettings

NONE = Perturbation()

_Whole = Annotated[fields.Whole, Field(ge=0)]
# Kind -> its settings: type and default.
KINDS: dict[str, Mapping[str, tuple]] = {
    "none": {},
    # A share of the training labels is replaced by another class.
    "label_noise": {"share": (fields.Share, 0.2)},
    # The input of one step is multiplied by a factor.
    "outlier": {"step": (_Whole, 100), "factor": (Annotated[fields.Number, Field(ge=0)], 1000.0)},
    # A class does not occur in training.
    "missing_class": {"class": (_Whole, 0)},
    # From a share of the epochs on, the inputs are shifted as the data set defines it.
    "domain_shift": {"at": (fields.Share, 0.5)},
    # Task A, the first `classes` classes (0: half of them), for a share of the epochs; then task B, the others.
    "stream": {"classes": (_Whole, 0), "at": (fields.Share, 0.5)},
}
_NEED_CLASSES = ("label_noise", "missing_class", "stream")


class _Kind(pydantic.BaseModel):
    kind: Annotated[object, fields.one_of(KINDS, "perturbation")]


def _read(value) -> Perturbation:
    if not isinstance(value, dict):
        value = {"kind": value}
    if "kind" not in value:
        raise ValueError(f"the key 'kind' is missing; there are {', '.join(KINDS)}")
    kind = _Kind.model_validate(value).kind
    own = Annotated[pydantic.create_model(kind, __config__=fields.STRICT, **KINDS[kind]),
                    fields.mapping(("kind", *KINDS[kind]))]
    settings = {name: setting for name, setting in value.items() if name != "kind"}
    return Perturbation(kind, pydantic.TypeAdapter(own).validate_python(settings).model_dump())


# A perturbation in a YAML file: its kind, or a mapping with kind and settings.
Listed = Annotated[object, PlainValidator(_read)]


def check(settings: RunSettings, path: str) -> None:
    """Raises ConfigError if data or length of a run do not allow its perturbation."""
    from tflm_tinyprop.study.datasets import is_classification

    kind = settings.perturbation.kind
    if kind in _NEED_CLASSES and not is_classification(settings.data):
        raise ConfigError(f"{path}: {kind} needs classes, and {settings.data.label} has none")
    if kind == "domain_shift" and settings.pretrain and settings.pretrain.shift:
        raise ConfigError(f"{path}: domain_shift needs inputs that are not shifted before; set pretrain.shift to false")
    if kind in ("stream", "domain_shift") and settings.epochs < 2:
        raise ConfigError(f"{path}: {kind} needs at least 2 epochs, got {settings.epochs}")


@dataclasses.dataclass(frozen=True)
class Course:
    """The samples of a run in their order, the same for every method and backend.

    parts: the training samples of every epoch. tests: name -> samples; "" is the main test, the others are
    "old" and "new" (stream, domain_shift), "missing" and "present" (missing_class).
    """

    parts: tuple[Samples, ...]
    tests: Mapping[str, Samples]
    seed: int
    outlier: tuple[int, float] | None = None  # position of a sample, factor

    @property
    def sizes(self) -> list[int]:
        return [len(part) for part in self.parts]

    def epochs(self) -> Iterator[Samples]:
        generator = np.random.default_rng([self.seed, 1])
        start = 0
        for part in self.parts:
            order = generator.permutation(len(part))
            x, y = part.x[order], part.y[order]
            if self.outlier and 0 <= self.outlier[0] - start < len(part):
                at, before = self.outlier[0] - start, x[self.outlier[0] - start].copy()
                x[at] = before * self.outlier[1]
                if y.shape == x.shape:  # a reconstruction: the target is the input
                    y[at] = x[at]
            start += len(part)
            yield Samples(x, y)


def make_course(data: Data, settings: RunSettings) -> Course:
    """Applies the perturbation to the data. Raises ConfigError if the data has no such class or step."""
    kind, values = settings.perturbation.kind, settings.perturbation.settings
    parts, tests, outlier = [data.train] * settings.epochs, {"": data.test}, None
    if kind == "label_noise":
        parts = [_with_noise(data, values["share"], settings.seed)] * settings.epochs
    elif kind == "outlier":
        outlier = int(values["step"]) * settings.batch_size, values["factor"]
        if outlier[0] >= settings.epochs * len(data.train):
            raise ConfigError(f"the outlier's step {values['step']} is behind the last one")
    elif kind == "missing_class":
        missing = int(values["class"])
        if missing >= data.classes:
            raise ConfigError(f"there is no class {missing} to leave out: {data.name} has {data.classes}")
        parts = [data.train.where(data.train.y != missing)] * settings.epochs
        tests |= {"missing": data.test.where(data.test.y == missing), "present": data.test.where(data.test.y != missing)}
    elif kind in ("domain_shift", "stream"):
        split = _shifted(data) if kind == "domain_shift" else _tasks(data, int(values["classes"]))
        (old, new), tests = split
        first = first_epochs(settings)
        parts = [old] * first + [new] * (settings.epochs - first)
    return Course(tuple(parts), tests, settings.seed, outlier)


def first_epochs(settings: RunSettings) -> int:
    """Epochs before the second task of a domain_shift or stream."""
    return min(settings.epochs - 1, max(1, round(settings.perturbation.settings["at"] * settings.epochs)))


def _with_noise(data: Data, share: float, seed: int) -> Samples:
    generator = np.random.default_rng([seed, 2])
    y = data.train.y.copy()
    chosen = generator.choice(len(y), round(share * len(y)), replace=False)
    # An offset of 1 to classes - 1 never gives the class itself.
    y[chosen] = (y[chosen] + generator.integers(1, data.classes, len(chosen))) % data.classes
    return Samples(data.train.x, y)


def _shifted(data: Data):
    new_train, new_test = (samples.mapped(data.shift) for samples in (data.train, data.test))
    return (data.train, new_train), {"": new_test, "old": data.test, "new": new_test}


def _tasks(data: Data, classes: int):
    first = classes or data.classes // 2
    if not 0 < first < data.classes:
        raise ConfigError(f"a stream's first task cannot have {first} of {data.classes} classes")
    old, new = (tuple(s.where(s.y < first) for s in (data.train, data.test)),
                tuple(s.where(s.y >= first) for s in (data.train, data.test)))
    return (old[0], new[0]), {"": data.test, "old": old[1], "new": new[1]}
