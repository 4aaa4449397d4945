"""The methods that a study compares: one table of names, settings and what they mean to a backend.

All methods of an experiment start from the same weights and see the same samples in the same order with the same
learning rates. The effort of each is relative to full backpropagation of all layers that the experiment trains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import fields

INTERPRETER, SIMULATION = "interpreter", "simulation"
DECISIONS = ("running_maximum", "decaying_maximum", "loss")

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

# Settings of methods that are no setting of TinyPropConfig, and how they are read.
_READERS = {
    "ratio": lambda value, path: fields.number(value, path, low=1e-6, high=1),
    "n": lambda value, path: fields.number(value, path, low=1, integer=True),
    "decision": lambda value, path: fields.choose(value, DECISIONS, path, "decision metric"),
}
SETTINGS = tuple(dict.fromkeys(name for method in METHODS.values() for name in method.settings))


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
    method = METHODS[fields.choose(name, METHODS, path, "method")]
    settings = dict(method.settings)
    for key, value in changes.items():
        if key not in settings:
            known = ", ".join(settings) or "none"
            raise ConfigError(f"{path}: method {name} has no setting {key!r}; there are {known}")
        settings[key] = _READERS.get(key, fields.number)(value, f"{path}.{key}")
    return check(MethodSettings(name, settings, label or _label(method, settings)), path)


def check(method: MethodSettings, path: str) -> MethodSettings:
    """Raises ConfigError if the settings contradict each other."""
    try:
        method.training
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return method


def read(value, path: str) -> MethodSettings:
    """A method in a YAML file: its name, or a mapping with name, label and settings."""
    if not isinstance(value, dict):
        return make_method(value, path)
    entry = fields.Fields(value, path, ("name", "label", *SETTINGS))
    name = entry.take("name", lambda v, p: fields.choose(v, METHODS, p, "method"))
    label = entry.take("label", fields.text, None)
    return make_method(name, path, label, **{k: v for k, v in value.items() if k not in ("name", "label")})


def read_setting(setting: str, value, path: str):
    """A value of one of SETTINGS, as a sweep lists it."""
    return _READERS.get(setting, fields.number)(value, path)


def _label(method: Method, settings: dict) -> str:
    """The method's name with whatever differs from its defaults; the ratio always."""
    if "n" in settings:
        return f"last {settings['n']} layers"
    if "ratio" in settings:
        return f"{method.label} {100 * settings['ratio']:g} %"
    changed = [f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}"
               for k, v in settings.items() if v != method.settings[k]]
    return f"{method.label} ({', '.join(changed)})" if changed else method.label
