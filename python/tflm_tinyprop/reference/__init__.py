"""TinyProp in float64 NumPy, written from the equations (arXiv 2308.09201, 2409.07109).

The oracle that the C++ kernels and whole training steps are compared with, and a short way to read what
they compute. Shape letters: B samples, I inputs, U units, C classes, n gradients of a layer, L layers
with weights from the first trainable one upward.
"""

from tflm_tinyprop.reference.activation import ACTIVATIONS, activation_forward, activation_grad
from tflm_tinyprop.reference.adaptive_rate import (
    error_propagation_rate,
    gradient_count,
    local_error,
    relative_error,
    update_running_maximum,
)
from tflm_tinyprop.reference.decision import Decision, decide, decision_metric
from tflm_tinyprop.reference.fully_connected import fully_connected_backward, fully_connected_forward
from tflm_tinyprop.reference.mean_squared_error import mean_squared_error
from tflm_tinyprop.reference.network import DenseLayer, ReferenceNetwork, StepResult
from tflm_tinyprop.reference.selection import select_top_k
from tflm_tinyprop.reference.softmax_cross_entropy import (
    softmax_cross_entropy_dense,
    softmax_cross_entropy_sparse,
)

__all__ = [
    "ACTIVATIONS",
    "Decision",
    "DenseLayer",
    "ReferenceNetwork",
    "StepResult",
    "activation_forward",
    "activation_grad",
    "decide",
    "decision_metric",
    "error_propagation_rate",
    "fully_connected_backward",
    "fully_connected_forward",
    "gradient_count",
    "local_error",
    "mean_squared_error",
    "relative_error",
    "select_top_k",
    "softmax_cross_entropy_dense",
    "softmax_cross_entropy_sparse",
    "update_running_maximum",
]
