"""The settings of TinyProp: one small value object, the same for every method."""

from __future__ import annotations

import dataclasses
import math
import operator

import numpy as np

from tflm_tinyprop.errors import ConfigError

# Elements of the control tensor, in order (SPEC.md, "Control").
CONTROL_FIELDS = ("learning_rate", "s_min", "s_max", "zeta", "d_min", "d_max", "threshold", "decay")

# What settings have to satisfy as elements of the control tensor, thus in float32 and with beta folded in, besides being
# finite. `make generate` makes the C++ of it (KeepsRules in cc/core/wire_format.h).
CONFIG_RULES = ("0 <= s_min <= s_max <= 1", "0 <= zeta", "d_min <= d_max", "0 < decay <= 1")
# Pairs of which the difference has to be finite in float32, too.
CONFIG_SPANS = (("d_min", "d_max"),)
_COMPARISONS = {"<=": operator.le, "<": operator.lt}


def comparisons(rule: str) -> list[tuple[str, str, str]]:
    """"0 < a <= 1" as its parts: (0, <, a), (a, <=, 1)."""
    words = rule.split()
    return [(words[i], words[i + 1], words[i + 2]) for i in range(0, len(words) - 2, 2)]


def broken_rule(control: np.ndarray) -> str | None:
    """What a control tensor, float32 [8], violates, in words; None if its settings are valid. The learning rate may be
    anything.

    The only statement of what is valid: C++ has the same (Control::IsValid), for SetConfig and Init.
    """
    values = dict(zip(CONTROL_FIELDS, map(np.float32, control), strict=True))
    for name in CONTROL_FIELDS[1:]:
        if not np.isfinite(values[name]):
            return f"a finite {name} in float32"
    for low, high in CONFIG_SPANS:
        with np.errstate(over="ignore"):
            if not np.isfinite(values[high] - values[low]):
                return f"a difference of {high} and {low} that float32 holds"
    for rule in CONFIG_RULES:
        for left, comparison, right in comparisons(rule):
            a, b = (values[word] if word in values else np.float32(word) for word in (left, right))
            if not _COMPARISONS[comparison](a, b):
                return rule
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyPropConfig:
    """Settings of TinyPropv2 (arXiv 2409.07109).

    Every sample has a relative error ``alpha = Y / Y_max`` in every layer. From it follow the share of
    gradients kept in a layer that has ``d`` layers with weights above it, and the decision metric::

        S = clip((s_min + alpha (s_max - s_min)) * zeta**d, 0, 1)
        D = (d_min + alpha (d_max - d_min)) * beta        (output layer; skipped if D < threshold)

    What counts is what the device computes with: values are checked as float32, d_min and d_max times beta.

    Attributes:
        s_min: error propagation rate of a sample without error, in [0, 1].
        s_max: error propagation rate of a sample with the largest error seen, in [0, 1].
        zeta: damping of the rate per layer below the output, >= 0.
        d_min: decision metric of a sample without error.
        d_max: decision metric of a sample with the largest error seen.
        beta: scale of the decision metric.
        threshold: samples whose decision metric is smaller skip the backward pass; 0 trains all if d_min >= 0.
        decay: factor on the running maximum per step in which a sample counts, in (0, 1]; 1 is the paper.
    """

    s_min: float = 0.5
    s_max: float = 1.0
    zeta: float = 0.8
    d_min: float = 0.0
    d_max: float = 4.0
    beta: float = 1.0
    threshold: float = 0.5
    decay: float = 1.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                raise ConfigError(f"TinyPropConfig.{field.name} must be a number, got {value!r}")
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                raise ConfigError(f"TinyPropConfig.{field.name} must be finite, got {value!r}")
            object.__setattr__(self, field.name, number)
        broken = broken_rule(self.control(0.0)) if self.beta >= 0 else "0 <= beta"
        if broken:
            raise ConfigError(f"TinyPropConfig needs {broken}, got {self}")

    @classmethod
    def full(cls) -> TinyPropConfig:
        """Full backpropagation: every gradient of every sample."""
        return cls(s_min=1.0, s_max=1.0, zeta=1.0, threshold=0.0)

    @classmethod
    def top_k(cls, ratio: float) -> TinyPropConfig:
        """Fixed top-k (meProp): the same share of the gradients in every layer of every sample."""
        return cls(s_min=ratio, s_max=ratio, zeta=1.0, threshold=0.0)

    @classmethod
    def v1(cls, **settings: float) -> TinyPropConfig:
        """TinyProp v1 (arXiv 2308.09201): adaptive sparsity, no sample is skipped."""
        return cls(**{"threshold": 0.0, **settings})

    @classmethod
    def v2(cls, **settings: float) -> TinyPropConfig:
        """TinyPropv2: adaptive sparsity, and samples the model already knows are skipped."""
        return cls(**settings)

    def control(self, learning_rate: float) -> np.ndarray:
        """The control tensor, float32 [8]. beta is folded into d_min and d_max."""
        values = {**dataclasses.asdict(self), "learning_rate": learning_rate}
        values.update(d_min=self.d_min * self.beta, d_max=self.d_max * self.beta)
        with np.errstate(over="ignore"):
            return np.array([values[name] for name in CONTROL_FIELDS]).astype(np.float32)

    @classmethod
    def from_control(cls, control) -> TinyPropConfig:
        """The configuration a control tensor stands for (with beta 1)."""
        # The shortest decimal that gives the same float32, so that 0.1 stays 0.1.
        values = {name: float(str(np.float32(v))) for name, v in zip(CONTROL_FIELDS, control, strict=True)}
        del values["learning_rate"]
        return cls(**values)
