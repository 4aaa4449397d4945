"""One rule per kind of builtin op; a kind that is not here has no gradient."""

from tflm_tinyprop.rules.base import Cost, GradientRequest, Parameter, Rule, SharedTensors, fused_activation
from tflm_tinyprop.rules.fully_connected import FullyConnectedRule

RULES: dict[str, Rule] = {rule.kind: rule for rule in (FullyConnectedRule(),)}

__all__ = [
    "RULES", "Cost", "GradientRequest", "Parameter", "Rule", "SharedTensors", "fused_activation",
]
