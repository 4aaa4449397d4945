"""Do the types of an op's tensors fit each other? TFLM's kernels look at one of them and read the others as if they did.

Only what is handed to TFLM is held to this: a file that is to be converted may have types that a later stage changes.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.shapes import is_known

_FLOAT, _INT32, _INT64 = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.int64)
_INT8, _INT16 = np.dtype(np.int8), np.dtype(np.int16)

# Position of (x, weights, bias) among the inputs of a layer.
_LAYERS = {"FULLY_CONNECTED": (0, 1, 2), "CONV_2D": (0, 1, 2), "DEPTHWISE_CONV_2D": (0, 1, 2), "TRANSPOSE_CONV": (2, 1, 3)}
_WEIGHTS_OF = {_FLOAT: (_FLOAT,), _INT8: (_INT8,), _INT16: (_INT8,)}
_BIAS_OF = {_FLOAT: (_FLOAT,), _INT8: (_INT32,), _INT16: (_INT32, _INT64)}
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
# Kinds whose output has another type than their input, with the inputs that have one type.
_OTHER_OUTPUT = {
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "CAST", "SHAPE"), 1),
    **dict.fromkeys(_COMPARISONS, 2),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), 1),
}
# Inputs that TFLM reads as int32 whatever they are, by kind; of those in _INDEX_TYPES it looks at the type.
_INDEX_INPUTS = {
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "EXPAND_DIMS", "PAD", "PADV2", "TRANSPOSE",
                     "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "ARG_MAX", "ARG_MIN", "GATHER"), (1,)),
    **dict.fromkeys(("SPLIT", "TRANSPOSE_CONV", "FILL", "SELECT", "SELECT_V2"), (0,)), "STRIDED_SLICE": (1, 2, 3), "SLICE": (1, 2),
    **dict.fromkeys(("BROADCAST_TO", "TILE", "REVERSE_V2"), (1,)), "SPLIT_V": (1, 2),
}
_INDEX_TYPES = {
    **dict.fromkeys(("SLICE", "BROADCAST_TO", "TILE", "FILL", "SPLIT_V"), (_INT32, _INT64)), **dict.fromkeys(("SELECT", "SELECT_V2"), (np.dtype(np.bool_),)),
}
# Kinds that only move values: they need no scale.
_MOVES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "PAD", "PADV2", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK",
          "BROADCAST_TO", "TILE", "FILL", "SELECT", "SELECT_V2", "REVERSE_V2",
          "TRANSPOSE", "SHAPE", "CAST", "ARG_MAX", "ARG_MIN", "RESIZE_NEAREST_NEIGHBOR", "GATHER")


def check_types(graph) -> None:
    """Raises ModelError, with op and tensor, unless TFLM's kernels can read all that they are given."""
    for op in graph.ops:
        if is_known(op.kind) and not op.is_custom:
            _check_op(graph, op)


def _check_op(graph, op) -> None:
    tensors = [graph.tensors[t] if t >= 0 else None for t in op.inputs]
    outputs = [graph.tensors[t] for t in op.outputs]
    indices = _INDEX_INPUTS.get(op.kind, ())
    for tensor in (*tensors, *outputs):
        if tensor is None:
            continue
        if tensor.dtype is None or getattr(tensor.raw, "sparsity", None) is not None:
            raise _misfit(op, tensor, "is of a type or sparse, which is not supported here")
    for position in indices:
        allowed = _INDEX_TYPES.get(op.kind, (_INT32,))
        if position < len(tensors) and tensors[position].dtype not in allowed:
            raise _misfit(op, tensors[position], f"must be {allowed[0]}")
    if op.kind == "SLICE" and tensors[1].dtype != tensors[2].dtype:
        raise _misfit(op, tensors[2], "must have the type of the other index")
    if op.kind in _LAYERS:
        alike = _layer_data(op, tensors, outputs)
    else:
        data = [t for position, t in enumerate(tensors) if position not in indices and t is not None]
        alike = data if op.kind in _OTHER_OUTPUT else [*data, *outputs]
    for tensor in alike:
        if tensor.dtype != alike[0].dtype:
            raise _misfit(op, tensor, f"has type {tensor.dtype}, the others have {alike[0].dtype}")
    if op.kind in _COMPARISONS and any(t.dtype != np.bool_ for t in outputs):
        raise _misfit(op, outputs[0], f"must be bool, but has type {outputs[0].dtype}")
    if op.kind not in _MOVES:
        for tensor in alike:
            if tensor.dtype in (_INT8, _INT16, np.dtype(np.uint8)) and not tensor.is_quantized:
                raise _misfit(op, tensor, f"is {tensor.dtype} without a scale")


def _layer_data(op, tensors, outputs) -> list:
    """Input and output of a layer, whose weights and bias have types of their own."""
    at_x, at_weights, at_bias = _LAYERS[op.kind]
    x, weights = tensors[at_x], tensors[at_weights]
    bias = tensors[at_bias] if at_bias < len(tensors) else None
    if weights.dtype not in _WEIGHTS_OF.get(x.dtype, ()):
        raise _misfit(op, weights, f"has type {weights.dtype} for an input of {x.dtype}, which TFLM does not run: export the "
                                   "model in float32, or quantized as a whole")
    if bias is not None and bias.dtype not in _BIAS_OF[x.dtype]:
        raise _misfit(op, bias, f"has type {bias.dtype} for an input of {x.dtype}")
    return [x, *outputs] if x.dtype == _FLOAT else [x, weights, *outputs] if x.dtype == _INT8 else [x, *outputs]


def _misfit(op, tensor, what: str) -> ModelError:
    return ModelError(f"op {op.kind}: tensor '{tensor.name}' {what}")
