"""TinyProp in float64 NumPy, written from the equations (arXiv 2308.09201, 2409.07109).

The oracle that the C++ kernels and whole training steps are compared with, and a short way to read what
they compute. Shape letters: B samples, I inputs, U units, C classes, n gradients of a layer, L layers
with weights from the first trainable one upward.
"""

from tflm_tinyprop.reference.activation import (
    ACTIVATIONS,
    ACTIVATIONS_OF_INPUT,
    ELEMENTWISE_ACTIVATIONS,
    activation_forward,
    activation_grad,
    elementwise_activation_forward,
    elementwise_activation_grad,
)
from tflm_tinyprop.reference.adaptive_rate import (
    error_propagation_rate,
    gradient_count,
    local_error,
    relative_error,
    update_running_maximum,
)
from tflm_tinyprop.reference.average_pool_2d import average_pool_2d_backward, average_pool_2d_forward
from tflm_tinyprop.reference.binary_cross_entropy import binary_cross_entropy
from tflm_tinyprop.reference.conv_2d import conv_2d_backward, conv_2d_forward
from tflm_tinyprop.reference.decision import Decision, decide, decision_metric
from tflm_tinyprop.reference.depthwise_conv_2d import depthwise_conv_2d_backward, depthwise_conv_2d_forward
from tflm_tinyprop.reference.fully_connected import fully_connected_backward, fully_connected_forward
from tflm_tinyprop.reference.huber import huber
from tflm_tinyprop.reference.max_pool_2d import max_pool_2d_backward, max_pool_2d_forward
from tflm_tinyprop.reference.mean_absolute_error import mean_absolute_error
from tflm_tinyprop.reference.mean_squared_error import mean_squared_error
from tflm_tinyprop.reference.network import DenseLayer, ReferenceNetwork, StepResult
from tflm_tinyprop.reference.reduce_max import reduce_max_backward, reduce_max_forward
from tflm_tinyprop.reference.scatter_add import gather_forward, scatter_add
from tflm_tinyprop.reference.selection import select_top_k
from tflm_tinyprop.reference.softmax import softmax_backward, softmax_forward
from tflm_tinyprop.reference.softmax_cross_entropy import (
    softmax_cross_entropy_dense,
    softmax_cross_entropy_sparse,
)
from tflm_tinyprop.reference.transpose_conv import transpose_conv_backward, transpose_conv_forward
from tflm_tinyprop.reference.windows import PoolWindow, same_padding, valid_padding

__all__ = [
    "ACTIVATIONS",
    "ACTIVATIONS_OF_INPUT",
    "ELEMENTWISE_ACTIVATIONS",
    "Decision",
    "DenseLayer",
    "PoolWindow",
    "ReferenceNetwork",
    "StepResult",
    "activation_forward",
    "activation_grad",
    "average_pool_2d_backward",
    "average_pool_2d_forward",
    "binary_cross_entropy",
    "conv_2d_backward",
    "conv_2d_forward",
    "decide",
    "decision_metric",
    "depthwise_conv_2d_backward",
    "depthwise_conv_2d_forward",
    "elementwise_activation_forward",
    "elementwise_activation_grad",
    "error_propagation_rate",
    "fully_connected_backward",
    "fully_connected_forward",
    "gather_forward",
    "gradient_count",
    "huber",
    "local_error",
    "max_pool_2d_backward",
    "max_pool_2d_forward",
    "mean_absolute_error",
    "mean_squared_error",
    "reduce_max_backward",
    "reduce_max_forward",
    "relative_error",
    "same_padding",
    "scatter_add",
    "select_top_k",
    "softmax_backward",
    "softmax_cross_entropy_dense",
    "softmax_cross_entropy_sparse",
    "softmax_forward",
    "transpose_conv_backward",
    "transpose_conv_forward",
    "update_running_maximum",
    "valid_padding",
]
