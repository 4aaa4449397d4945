"""Custom options of the TinyProp ops: the bytes that cc/tflm/op_options.h reads (SPEC.md)."""

from __future__ import annotations

import dataclasses
import struct
from typing import ClassVar

from tflm_tinyprop.errors import ModelError

VERSION = 1
_HEADER = struct.Struct("<HH")  # version, size of all bytes

INITIALIZE = "TinyPropInitialize"
SOFTMAX_CROSS_ENTROPY = "TinyPropSoftmaxCrossEntropy"
MEAN_SQUARED_ERROR = "TinyPropMeanSquaredError"
DECISION = "TinyPropDecision"
FULLY_CONNECTED_GRAD = "TinyPropFullyConnectedGrad"
CONV_2D_GRAD = "TinyPropConv2DGrad"
DEPTHWISE_CONV_2D_GRAD = "TinyPropDepthwiseConv2DGrad"
AVERAGE_POOL_2D_GRAD = "TinyPropAveragePool2DGrad"
MAX_POOL_2D_GRAD = "TinyPropMaxPool2DGrad"
ACTIVATION_GRAD = "TinyPropActivationGrad"
SOFTMAX_GRAD = "TinyPropSoftmaxGrad"

# Values of ActivationFunctionType in the schema that have a gradient.
ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
# Those and the ones that are ops of their own (cc/core/activation.h, ElementwiseActivation).
ELEMENTWISE_ACTIVATIONS = {**ACTIVATIONS, 4: "leaky_relu", 5: "tanh", 6: "logistic", 7: "hard_swish"}


class _Options:
    FORMAT: ClassVar[struct.Struct]

    def pack(self) -> bytes:
        body = self.FORMAT.pack(*dataclasses.astuple(self))
        return _HEADER.pack(VERSION, _HEADER.size + len(body)) + body


@dataclasses.dataclass(frozen=True)
class InitializeOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<HH")
    model_inputs: int
    variables: int


@dataclasses.dataclass(frozen=True)
class LossOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<BB")
    label_kind: int  # 0 class index, 1 the output's shape
    fused_activation: int


@dataclasses.dataclass(frozen=True)
class DecisionOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<")


SHARES_DECISION = 1
UPDATES_WEIGHTS = 2
UPDATES_BIAS = 4
FLAG_NAMES = {SHARES_DECISION: "shares_decision", UPDATES_WEIGHTS: "updates_weights", UPDATES_BIAS: "updates_bias"}


@dataclasses.dataclass(frozen=True)
class LayerGradOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<BBHH")
    fused_activation: int
    flags: int  # SHARES_DECISION | UPDATES_WEIGHTS | UPDATES_BIAS
    layer: int  # l, from 1
    layers_above: int  # L - l


@dataclasses.dataclass(frozen=True)
class _WindowOptions(_Options):
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int
    pad_top: int
    pad_left: int


@dataclasses.dataclass(frozen=True)
class _FilterOptions(_Options):
    filter_height: int
    filter_width: int


# The fields of the last base class come first.
@dataclasses.dataclass(frozen=True)
class ConvGradOptions(_WindowOptions, LayerGradOptions):
    FORMAT: ClassVar = struct.Struct("<BBHH6H")


@dataclasses.dataclass(frozen=True)
class PoolGradOptions(_WindowOptions, _FilterOptions):
    FORMAT: ClassVar = struct.Struct("<2H6H")


@dataclasses.dataclass(frozen=True)
class ActivationGradOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<B3xf")
    kind: int  # a key of ELEMENTWISE_ACTIVATIONS
    slope: float


@dataclasses.dataclass(frozen=True)
class SoftmaxGradOptions(_Options):
    FORMAT: ClassVar = struct.Struct("<f")
    beta: float


OPTIONS_OF_OP: dict[str, type[_Options]] = {
    INITIALIZE: InitializeOptions,
    SOFTMAX_CROSS_ENTROPY: LossOptions,
    MEAN_SQUARED_ERROR: LossOptions,
    DECISION: DecisionOptions,
    FULLY_CONNECTED_GRAD: LayerGradOptions,
    CONV_2D_GRAD: ConvGradOptions,
    DEPTHWISE_CONV_2D_GRAD: ConvGradOptions,
    AVERAGE_POOL_2D_GRAD: PoolGradOptions,
    MAX_POOL_2D_GRAD: PoolGradOptions,
    ACTIVATION_GRAD: ActivationGradOptions,
    SOFTMAX_GRAD: SoftmaxGradOptions,
}


def unpack(op: str, data: bytes) -> _Options:
    """Parses the options of a TinyProp op. Raises ModelError if they are damaged or newer."""
    kind = OPTIONS_OF_OP.get(op)
    if kind is None:
        raise ModelError(
            f"op {op} is not known to this version of tflm_tinyprop (known: {', '.join(OPTIONS_OF_OP)}); update it"
        )
    if len(data) < _HEADER.size:
        raise ModelError(f"op {op}: custom options are damaged ({len(data)} bytes); convert the model again")
    version, size = _HEADER.unpack_from(data)
    if version > VERSION:
        raise ModelError(
            f"op {op}: custom options have version {version}, this tflm_tinyprop reads up to {VERSION}; update it"
        )
    expected = _HEADER.size + kind.FORMAT.size
    if version == 0 or size != expected or len(data) != expected:
        raise ModelError(
            f"op {op}: custom options are damaged ({len(data)} bytes, expected {expected}); convert the model again"
        )
    options = kind(*kind.FORMAT.unpack_from(data, _HEADER.size))
    _check_values(op, options)
    return options


def _check_values(op: str, options: _Options) -> None:
    activation = getattr(options, "fused_activation", 0)
    known = activation in ACTIVATIONS
    known &= getattr(options, "label_kind", 0) in (0, 1)
    known &= getattr(options, "flags", 0) < 8 and getattr(options, "layer", 1) >= 1
    known &= getattr(options, "kind", 0) in ELEMENTWISE_ACTIVATIONS
    known &= all(value >= 1 for name, value in dataclasses.asdict(options).items()
                 if name.startswith(("filter_", "stride_", "dilation_")))
    if not known:
        raise ModelError(f"op {op}: custom options hold an unknown value ({options}); convert the model again")
