"""The settings of TinyProp: one small value object, the same for every method."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tflm_tinyprop.errors import ConfigError

# Elements of the control tensor, in order (SPEC.md, "Control").
CONTROL_FIELDS = ("learning_rate", "s_min", "s_max", "zeta", "d_min", "d_max", "threshold", "decay")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyPropConfig:
    """Settings of TinyPropv2 (arXiv 2409.07109).

    Every sample has a relative error ``alpha = Y / Y_max`` in every layer. From it follow the share of
    gradients kept in a layer that has ``d`` layers with weights above it, and the decision metric::

        S = clip((s_min + alpha (s_max - s_min)) * zeta**d, 0, 1)
        D = (d_min + alpha (d_max - d_min)) * beta        (output layer; skipped if D < threshold)

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
            if not math.isfinite(value):
                raise ConfigError(f"TinyPropConfig.{field.name} must be finite, got {value!r}")
            object.__setattr__(self, field.name, float(value))
        self._require(0 <= self.s_min <= self.s_max <= 1, "0 <= s_min <= s_max <= 1")
        self._require(self.zeta >= 0, "zeta >= 0")
        self._require(self.d_min <= self.d_max, "d_min <= d_max")
        self._require(self.beta >= 0, "beta >= 0")
        self._require(0 < self.decay <= 1, "0 < decay <= 1")

    def _require(self, condition: bool, rule: str) -> None:
        if not condition:
            raise ConfigError(f"TinyPropConfig needs {rule}, got {self}")

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
        return np.array([values[name] for name in CONTROL_FIELDS], dtype=np.float32)

    @classmethod
    def from_control(cls, control) -> TinyPropConfig:
        """The configuration a control tensor stands for (with beta 1)."""
        # The shortest decimal that gives the same float32, so that 0.1 stays 0.1.
        values = {name: float(str(np.float32(v))) for name, v in zip(CONTROL_FIELDS, control, strict=True)}
        del values["learning_rate"]
        return cls(**values)
