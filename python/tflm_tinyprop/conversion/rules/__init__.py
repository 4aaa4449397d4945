"""One rule per kind of builtin op; a kind that is not here has no gradient."""

from tflm_tinyprop.conversion.rules.activation import ActivationRule
from tflm_tinyprop.conversion.rules.base import Cost, GradientRequest, Parameter, Rule, SharedTensors, fused_activation
from tflm_tinyprop.conversion.rules.batch_matmul import BatchMatMulRule
from tflm_tinyprop.conversion.rules.broadcast_to import BroadcastToRule
from tflm_tinyprop.conversion.rules.choice import ExtremumRule, SelectV2Rule
from tflm_tinyprop.conversion.rules.conv_2d import Conv2DRule
from tflm_tinyprop.conversion.rules.depthwise_conv_2d import DepthwiseConv2DRule
from tflm_tinyprop.conversion.rules.elementwise import AddRule, DivRule, MulRule, SquaredDifferenceRule, SubRule
from tflm_tinyprop.conversion.rules.fully_connected import FullyConnectedRule
from tflm_tinyprop.conversion.rules.functions import FUNCTIONS, FunctionRule
from tflm_tinyprop.conversion.rules.mean import MeanRule, SumRule
from tflm_tinyprop.conversion.rules.pool_2d import AveragePool2DRule, MaxPool2DRule
from tflm_tinyprop.conversion.rules.prelu import PreluRule
from tflm_tinyprop.conversion.rules.rearrange import ConcatenationRule, PadRule, ReshapeRule, ReverseRule, TransposeRule
from tflm_tinyprop.conversion.rules.reduce_max import ReduceMaxRule
from tflm_tinyprop.conversion.rules.resize import ResizeBilinearRule, ResizeNearestNeighborRule
from tflm_tinyprop.conversion.rules.slices import GatherRule, SliceRule, StridedSliceRule
from tflm_tinyprop.conversion.rules.softmax import SoftmaxRule
from tflm_tinyprop.conversion.rules.split import PackRule, SplitRule, SplitVRule, UnpackRule
from tflm_tinyprop.conversion.rules.transpose_conv import TransposeConvRule

RULES: dict[str, Rule] = {
    rule.kind: rule
    for rule in (
        FullyConnectedRule(), Conv2DRule(), DepthwiseConv2DRule(), TransposeConvRule(),
        AveragePool2DRule(), MaxPool2DRule(), MeanRule(), SumRule(),
        *(ReduceMaxRule(kind) for kind in ("REDUCE_MAX", "REDUCE_MIN")), ResizeNearestNeighborRule(), ResizeBilinearRule(),
        BroadcastToRule(), BatchMatMulRule(),
        AddRule(), SubRule(), MulRule(), DivRule(), SquaredDifferenceRule(), ConcatenationRule(),
        *(ExtremumRule(kind) for kind in ("MAXIMUM", "MINIMUM")), SelectV2Rule(), *(FunctionRule(kind) for kind in FUNCTIONS),
        *(ReshapeRule(kind) for kind in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")),
        TransposeRule(), ReverseRule(),
        *(PadRule(kind) for kind in ("PAD", "PADV2")),
        SliceRule(), StridedSliceRule(), GatherRule(), SplitRule(), SplitVRule(), UnpackRule(), PackRule(),
        *(ActivationRule(kind) for kind in ("RELU", "RELU6", "TANH", "LOGISTIC", "ELU")),
        *(ActivationRule(kind, needs_input=True) for kind in ("LEAKY_RELU", "HARD_SWISH")),
        PreluRule(), SoftmaxRule(),
    )
}

__all__ = [
    "RULES", "Cost", "GradientRequest", "Parameter", "Rule", "SharedTensors", "fused_activation",
]
