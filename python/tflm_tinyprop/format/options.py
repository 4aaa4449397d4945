"""Custom options of the TinyProp ops, as Python values and as bytes. The fields are stated in tables.py (SPEC.md)."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import tables
from tflm_tinyprop.format.layout import LayoutError, NewerVersionError, Struct

_HEADER = tables.OPTIONS_HEADER

ACTIVATIONS = dict(enumerate(tables.ACTIVATIONS))
ELEMENTWISE_ACTIVATIONS = dict(enumerate(tables.ELEMENTWISE_ACTIVATIONS))


class Options:
    """Base of the options of all ops: a frozen dataclass with the fields of its struct."""

    STRUCT: ClassVar[Struct]

    def pack(self) -> bytes:
        """In the lowest version that holds these values, so that older readers understand what they can."""
        values = dataclasses.asdict(self)
        version = self.STRUCT.version_for(values)
        size = _HEADER.size() + self.STRUCT.size(version)
        return _HEADER.pack({"version": version, "size": size}) + self.STRUCT.pack(values, version)


def _class_of(struct: Struct) -> type[Options]:
    fields = [(f.name, float if f.type == "f32" else int) if f.since == 1 else (f.name, int, dataclasses.field(default=f.default))
              for f in struct.fields() if f.name]
    made = dataclasses.make_dataclass(
        struct.name, fields, bases=(Options,), frozen=True, namespace={"STRUCT": struct, "__module__": __name__})
    made.__doc__ = f"Fields: {', '.join(f'{f.name} ({f.text})' for f in struct.fields() if f.name)}."
    return made


InitializeOptions = _class_of(tables.INITIALIZE)
LossOptions = _class_of(tables.LOSS)
DecisionOptions = _class_of(tables.DECISION)
LayerGradOptions = _class_of(tables.LAYER_GRAD)
ConvGradOptions = _class_of(tables.CONV_GRAD)
PoolGradOptions = _class_of(tables.POOL_GRAD)
ActivationGradOptions = _class_of(tables.ACTIVATION_GRAD)
SoftmaxGradOptions = _class_of(tables.SOFTMAX_GRAD)
ReduceGradOptions = _class_of(tables.REDUCE_GRAD)
ScatterAddOptions = _class_of(tables.SCATTER_ADD)
ResetStateOptions = _class_of(tables.RESET_STATE)

_CLASSES = (InitializeOptions, LossOptions, DecisionOptions, LayerGradOptions, ConvGradOptions, PoolGradOptions,
            ActivationGradOptions, SoftmaxGradOptions, ReduceGradOptions, ScatterAddOptions, ResetStateOptions)
OPTIONS_OF_OP: dict[str, type[Options]] = {
    op.kind: next(cls for cls in _CLASSES if cls.STRUCT is op.options) for op in tables.OPS
}


def op_kind(name: str) -> str:
    """Custom code of the op with this name in tables.OPS."""
    return next(op.kind for op in tables.OPS if op.name == name)


INITIALIZE = op_kind("Initialize")
SOFTMAX_CROSS_ENTROPY = op_kind("SoftmaxCrossEntropy")
MEAN_SQUARED_ERROR = op_kind("MeanSquaredError")
DECISION = op_kind("Decision")
AVERAGE_POOL_2D_GRAD = op_kind("AveragePool2DGrad")
MAX_POOL_2D_GRAD = op_kind("MaxPool2DGrad")
ACTIVATION_GRAD = op_kind("ActivationGrad")
SOFTMAX_GRAD = op_kind("SoftmaxGrad")
REDUCE_MAX_GRAD = op_kind("ReduceMaxGrad")
SCATTER_ADD = op_kind("ScatterAdd")
RESET_STATE = op_kind("ResetState")


def unpack(op: str, data: bytes) -> Options:
    """Parses the options of a TinyProp op. Raises ModelError if they are damaged or newer."""
    kind = OPTIONS_OF_OP.get(op)
    if kind is None:
        raise ModelError(
            f"op {op} is not known to this version of tflm_tinyprop (known: {', '.join(OPTIONS_OF_OP)}); update it"
        )
    try:
        header = _HEADER.unpack(data, 1)
        values = kind.STRUCT.unpack(data, header["version"], _HEADER.size())
    except NewerVersionError as error:
        raise ModelError(f"op {op}: custom options have {error}; update tflm_tinyprop") from None
    except LayoutError:
        header = None
    if header is None or header["size"] != len(data):
        raise ModelError(f"op {op}: custom options are damaged ({len(data)} bytes); convert the model again")
    options = kind(**values)
    unknown = kind.STRUCT.unknown_value(values)
    if unknown:
        raise ModelError(f"op {op}: custom options hold an unknown value of {unknown} ({options}); convert the model again")
    return options
