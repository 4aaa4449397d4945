"""Computes what does not depend on the input, once, before anything is planned.

Converters leave such ops in a file: a Keras 3 model with Flatten has SHAPE -> STRIDED_SLICE -> PACK in front of its
RESHAPE, and float16 weights stand behind a DEQUANTIZE. TFLM would compute them with every sample; for training they
hide that a shape is constant and that a kernel is one.

A fold takes the graph and the op and returns the values of its output, or None if they are not known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op

Fold = Callable[[Graph, Op], np.ndarray | None]

# Larger results would cost more flash than the op costs time; weights (DEQUANTIZE) are exempt.
_MOST_ELEMENTS = 4096


def fold_constants(graph: Graph) -> None:
    """Replaces ops whose outputs are known by constants, in place, and drops tensors that nobody uses any more.

    Tensors keep their names and order, not their indices.
    """
    remaining = []
    for op in graph.ops:
        values = _known_output(graph, op)
        if values is None:
            remaining.append(op)
        else:
            graph.tensors[op.outputs[0]].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    if len(remaining) < len(graph.ops):
        graph.ops = remaining
        graph.drop_unused_tensors()


def _known_output(graph: Graph, op: Op) -> np.ndarray | None:
    fold = FOLDS.get(op.kind)
    if fold is None or len(op.outputs) != 1 or op.outputs[0] in graph.outputs or -1 in op.inputs:
        return None
    output = graph.tensors[op.outputs[0]]
    if output.dtype is None or op.kind not in _OF_WEIGHTS and output.size > _MOST_ELEMENTS:
        return None
    inputs = [graph.tensors[t] for t in op.inputs]
    if op.kind != "SHAPE" and not all(t.is_constant and t.dtype is not None for t in inputs):
        return None
    if op.kind not in ("SHAPE", "DEQUANTIZE") and any(t.is_quantized for t in inputs):
        return None
    try:
        values = fold(graph, op)
    except (ValueError, IndexError, TypeError):  # options that do not fit the inputs: TFLM says what is wrong with them
        return None
    # So is a shape that the file states differently.
    return values.astype(output.dtype) if values is not None and values.shape == output.shape else None


def _arrays(graph: Graph, op: Op) -> list[np.ndarray]:
    return [graph.tensors[t].array() for t in op.inputs]


def _shape(graph: Graph, op: Op) -> np.ndarray:
    return np.array(graph.tensors[op.inputs[0]].shape)


def _strided_slice(graph: Graph, op: Op) -> np.ndarray | None:
    values, begin, end, strides = _arrays(graph, op)
    options = op.options
    if options.ellipsisMask or options.newAxisMask or getattr(options, "offset", False) or 0 in strides:
        return None
    index: list[int | slice] = []
    for axis, (first, last, stride) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        bit = 1 << axis
        if options.shrinkAxisMask & bit:
            index.append(first)
        else:
            index.append(slice(None if options.beginMask & bit else first, None if options.endMask & bit else last, stride))
    return values[tuple(index)]


def _slice(graph: Graph, op: Op) -> np.ndarray:
    values, begin, size = _arrays(graph, op)
    return values[tuple(
        slice(first, None if count < 0 else first + count) for first, count in zip(begin.tolist(), size.tolist(), strict=True)
    )]


def _pack(graph: Graph, op: Op) -> np.ndarray:
    return np.stack(_arrays(graph, op), axis=op.options.axis)


def _concatenation(graph: Graph, op: Op) -> np.ndarray | None:
    return None if op.options.fusedActivationFunction else np.concatenate(_arrays(graph, op), axis=op.options.axis)


def _gather(graph: Graph, op: Op) -> np.ndarray | None:
    values, indices = _arrays(graph, op)
    return None if op.options.batchDims else np.take(values, indices, axis=op.options.axis)


def _reduce_prod(graph: Graph, op: Op) -> np.ndarray:
    values, axes = _arrays(graph, op)
    return np.prod(values, axis=tuple(np.atleast_1d(axes).tolist()), keepdims=bool(op.options.keepDims))


def _reshaped(graph: Graph, op: Op) -> np.ndarray:
    return graph.tensors[op.inputs[0]].array().reshape(graph.tensors[op.outputs[0]].shape)


def _transpose(graph: Graph, op: Op) -> np.ndarray:
    values, permutation = _arrays(graph, op)
    return np.transpose(values, permutation.tolist())


def _fill(graph: Graph, op: Op) -> np.ndarray:
    shape, value = _arrays(graph, op)
    return np.full(shape.tolist(), value)


def _broadcast_to(graph: Graph, op: Op) -> np.ndarray:
    values, shape = _arrays(graph, op)
    return np.broadcast_to(values, shape.tolist())


def _dequantize(graph: Graph, op: Op) -> np.ndarray | None:
    """float16 to float32; integers with their scale, one for all or one per slice of an axis."""
    tensor = graph.tensors[op.inputs[0]]
    if tensor.dtype == np.float16:
        return tensor.array().astype(np.float32)
    quantization = getattr(tensor.raw, "quantization", None)
    if quantization is None or quantization.scale is None or quantization.zeroPoint is None:
        return None
    along = [1] * len(tensor.shape)
    if len(quantization.scale) > 1:
        along[quantization.quantizedDimension] = -1
    scale = np.asarray(quantization.scale, np.float32).reshape(along)
    zero_point = np.asarray(quantization.zeroPoint, np.int64).reshape(along)
    return ((tensor.array().astype(np.int64) - zero_point) * scale).astype(np.float32)


def _arithmetic(compute: Callable[..., np.ndarray]) -> Fold:
    """Of whole numbers, as shapes are made of; of float constants a converter has left none."""

    def fold(graph: Graph, op: Op) -> np.ndarray | None:
        values = _arrays(graph, op)
        fused = getattr(op.options, "fusedActivationFunction", 0)
        if fused or not all(np.issubdtype(v.dtype, np.integer) for v in values):
            return None
        return compute(*values)

    return fold


def _integer_quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    # TFLite's DIV truncates towards zero, NumPy's // rounds down.
    return None if (b == 0).any() else np.trunc(a / b).astype(a.dtype)


FOLDS: dict[str, Fold] = {
    "SHAPE": _shape,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "PACK": _pack,
    "CONCATENATION": _concatenation,
    "GATHER": _gather,
    "REDUCE_PROD": _reduce_prod,
    "RESHAPE": _reshaped,
    "SQUEEZE": _reshaped,
    "EXPAND_DIMS": _reshaped,
    "TRANSPOSE": _transpose,
    "FILL": _fill,
    "BROADCAST_TO": _broadcast_to,
    "DEQUANTIZE": _dequantize,
    "CAST": lambda graph, op: graph.tensors[op.inputs[0]].array(),
    "ADD": _arithmetic(np.add),
    "SUB": _arithmetic(np.subtract),
    "MUL": _arithmetic(np.multiply),
    "DIV": _arithmetic(_integer_quotient),
    "MAXIMUM": _arithmetic(np.maximum),
    "MINIMUM": _arithmetic(np.minimum),
}
_OF_WEIGHTS = {"DEQUANTIZE", "RESHAPE", "TRANSPOSE"}
