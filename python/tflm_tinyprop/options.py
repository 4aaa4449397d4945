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

# Values of ActivationFunctionType in the schema that have a gradient.
ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}


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


OPTIONS_OF_OP: dict[str, type[_Options]] = {
    INITIALIZE: InitializeOptions,
    SOFTMAX_CROSS_ENTROPY: LossOptions,
    MEAN_SQUARED_ERROR: LossOptions,
    DECISION: DecisionOptions,
    FULLY_CONNECTED_GRAD: LayerGradOptions,
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
    if not known:
        raise ModelError(f"op {op}: custom options hold an unknown value ({options}); convert the model again")
