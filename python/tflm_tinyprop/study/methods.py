"""The methods that a study compares: one table of names, settings and what they mean to a backend.

All methods of an experiment start from the same weights and see the same samples in the same order with the same
learning rates. The effort of each is relative to full backpropagation of all layers that the experiment trains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated

import pydantic
from pydantic import Field, PlainValidator

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.simulate.options import DECISIONS
from tflm_tinyprop.study import fields

INTERPRETER, SIMULATION = "interpreter", "simulation"

_CONFIG = {field.name: field.default for field in dataclasses.fields(TinyPropConfig)}


@dataclasses.dataclass(frozen=True)
class Training:
    """What a method asks of a backend.

    Attributes:
        config: settings of TinyProp; None trains nothing.
        last_layers: trains only that many of the last layers; None trains those of the experiment.
        options: what only the simulation can do: selection ("random"), bias_only, static_channels (a share),
            decision (one of DECISIONS).
    """

    config: TinyPropConfig | None
    last_layers: int | None = None
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def backends(self) -> tuple[str, ...]:
        return (SIMULATION,) if self.options else (INTERPRETER, SIMULATION)


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table. settings: name -> default; build(settings) -> Training."""

    name: str
    label: str
    description: str
    settings: Mapping[str, object]
    build: Callable[[dict], Training]


def _adaptive(settings: dict) -> Training:
    values = {name: settings[name] for name in _CONFIG}
    decision = settings.get("decision", DECISIONS[0])
    return Training(TinyPropConfig(**values), options={} if decision == DECISIONS[0] else {"decision": decision})


def _top_k(settings: dict) -> Training:
    return Training(TinyPropConfig.top_k(settings["ratio"]))


def _random_k(settings: dict) -> Training:
    return Training(TinyPropConfig.top_k(settings["ratio"]), options={"selection": "random"})


METHODS: dict[str, Method] = {method.name: method for method in (
    Method("none", "no training", "The start model as it is.", {}, lambda s: Training(None)),
    Method("full", "full", "Full backpropagation of all trained layers.", {},
           lambda s: Training(TinyPropConfig.full())),
    Method("top_k", "top-k", "Fixed top-k (meProp): the same share of the largest gradients in every layer.",
           {"ratio": 0.1}, _top_k),
    Method("random_k", "random-k", "The same share of gradients, chosen at random.", {"ratio": 0.1}, _random_k),
    Method("v1", "TinyProp v1", "Adaptive sparsity, no sample is skipped.", {**_CONFIG, "threshold": 0.0}, _adaptive),
    Method("v2", "TinyProp v2", "Adaptive sparsity, samples below the threshold are skipped.",
           {**_CONFIG, "decision": DECISIONS[0]}, _adaptive),
    Method("v2_decay", "TinyProp v2, decay", "v2 with a running maximum that decays.",
           {**_CONFIG, "decay": 0.999, "decision": DECISIONS[0]}, _adaptive),
    Method("last_layer", "last layer", "Full backpropagation of the last layer only.", {},
           lambda s: Training(TinyPropConfig.full(), last_layers=1)),
    Method("last_n", "last n layers", "Full backpropagation of the last n layers.", {"n": 2},
           lambda s: Training(TinyPropConfig.full(), last_layers=s["n"])),
    Method("bias_only", "bias only", "Biases of all layers; gradients are handed down in full (TinyTL).", {},
           lambda s: Training(TinyPropConfig.full(), options={"bias_only": True})),
    Method("static_channels", "static channels",
           "A fixed share of the channels of every layer but the last, chosen once by their weights (in the manner of "
           "sparse update).",
           {"ratio": 0.25}, lambda s: Training(TinyPropConfig.full(), options={"static_channels": s["ratio"]})),
)}

# Settings of methods that are no setting of TinyPropConfig; those are numbers.
_TYPES = {
    "ratio": Annotated[fields.Number, Field(ge=1e-6, le=1)],
    "n": fields.Count,
    "decision": Annotated[str, fields.one_of(DECISIONS, "decision metric")],
}
# Setting -> its type, of all methods.
SETTINGS = {name: _TYPES.get(name, fields.Number) for method in METHODS.values() for name in method.settings}


@dataclasses.dataclass(frozen=True)
class MethodSettings:
    """A method with all its settings. label: how reports call it; not part of what is run."""

    name: str
    settings: Mapping[str, object]
    label: str

    @property
    def training(self) -> Training:
        return METHODS[self.name].build(dict(self.settings))

    def replaced(self, setting: str, value) -> MethodSettings:
        return dataclasses.replace(self, settings={**self.settings, setting: value})

    def as_dict(self) -> dict:
        return {"name": self.name, **self.settings}


def make_method(name: str, path: str = "method", label: str | None = None, **changes) -> MethodSettings:
    """A method with some settings replaced. Raises ConfigError, with `path` for where they were written."""
    return fields.read(Listed, {"name": name, **({"label": label} if label else {}), **changes}, path)


def check(method: MethodSettings, path: str) -> MethodSettings:
    """Raises ConfigError if the settings contradict each other."""
    try:
        method.training
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return method


def _read(value: dict) -> MethodSettings:
    named = _Named.model_validate(value)
    method = METHODS[named.name]
    for key in value:
        if key not in ("name", "label", *method.settings):
            known = ", ".join(method.settings) or "none"
            raise ValueError(f"method {method.name} has no setting {key!r}; there are {known}")
    own = {name: (SETTINGS[name], default) for name, default in method.settings.items()}
    given = {name: value[name] for name in own if name in value}
    settings = pydantic.create_model(method.name, __config__=fields.STRICT, **own).model_validate(given).model_dump()
    found = MethodSettings(method.name, settings, named.label or _label(method, settings))
    found.training  # raises ConfigError if they contradict each other
    return found


class _Named(pydantic.BaseModel):
    """What every method has; the others are its settings."""

    name: Annotated[object, fields.one_of(METHODS, "method")]
    label: fields.Text = None


# A method in a YAML file: its name, or a mapping with name, label and settings.
Listed = Annotated[object, PlainValidator(_read), fields.mapping(("name", "label", *SETTINGS), short="name")]


def _label(method: Method, settings: dict) -> str:
    """The method's name with whatever differs from its defaults; the ratio always."""
    if "n" in settings:
        return f"last {settings['n']} layers"
    if "ratio" in settings:
        return f"{method.label} {100 * settings['ratio']:g} %"
    changed = [f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}"
               for k, v in settings.items() if v != method.settings[k]]
    return f"{method.label} ({', '.join(changed)})" if changed else method.label
