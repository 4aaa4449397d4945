"""What only the simulation can do: variants of the algorithm to compare it with."""

from __future__ import annotations

import dataclasses

from tflm_tinyprop.errors import ConfigError

SELECTIONS = ("largest", "random")
DECISIONS = ("running_maximum", "decaying_maximum", "loss")
DECISION_DECAY = 0.999


@dataclasses.dataclass(frozen=True)
class Options:
    """Variants of the algorithm; the defaults are the ops'.

    Attributes:
        selection: which k gradients of a layer take part: the "largest", or k at "random".
        bias_only: kernels stay as they are; biases, and the beta of normalisations, are trained. Gradients are
            selected and handed down as ever, in full with TinyPropConfig.full().
        static_channels: share r of the output channels that take part at all, in every layer on the backward path but
            the last, whose channels are the classes or targets; None for all. Of C channels the floor(r C + 0.5), at
            least one, with the largest L2 norm of their kernels are chosen once, from the weights that training starts
            with (ties: lowest index). Delta of the others is zero everywhere: in the local error, the updates, and what
            is handed down. n is then the number of gradients in chosen channels. Gamma and beta of normalisations stay
            as they are.
        decision: what alpha_L in the decision metric is, and nothing else; S of the output layer keeps to Y_L.
            "running_maximum": Y_L over its running maximum, as the ops.
            "decaying_maximum": Y_L over a maximum of its own, max(Y_L, 0.999 maximum) per step, whatever
            config.decay is.
            "loss": the sample's loss over the running maximum of losses, which decays by config.decay.
            All three maxima take in all finite samples of a step before any alpha is computed, and do not decay in a
            step without such a sample.

    Raises ConfigError if a value is none of these.
    """

    selection: str = SELECTIONS[0]
    bias_only: bool = False
    static_channels: float | None = None
    decision: str = DECISIONS[0]

    def __post_init__(self):
        for name, known in (("selection", SELECTIONS), ("decision", DECISIONS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        share = self.static_channels
        if share is not None and (isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1):
            raise ConfigError(f"static_channels must be a share in (0, 1] or None, got {share!r}")
