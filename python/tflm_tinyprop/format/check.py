"""The one check of a file that has been read: every index, shape, option and entry that later code or TFLM relies on.

TFLM verifies nothing, and NumPy, Python and the schema's own code would stop with errors of theirs, somewhere. What the
ops of a kind need of each other's tensors is in shapes.py and stateful_shapes.py.
"""

from __future__ import annotations

import math

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.resource_variables import check_resource_variables
from tflm_tinyprop.format.shapes import MOST_DIMENSIONS, check_shapes
from tflm_tinyprop.format.stateful_shapes import check_stateful_shapes

MOST_BYTES = 2**31 - 1  # TFLM counts the bytes of a tensor and of the arena in an int32


def size_of(shape: tuple[int, ...], item_bytes: int = 1) -> int:
    """Elements of a shape times bytes of one, computed without overflow."""
    return math.prod(shape) * item_bytes


def check_graph(graph, source: str) -> None:
    """Raises ModelError with what is wrong in a Graph that was read from a file."""
    for part in (graph, *graph.subgraphs):
        for tensor in part.tensors:
            _check_tensor(tensor, source)
    check_resource_variables(graph, source)
    if not graph.inputs or not graph.outputs:
        raise ModelError(f"{source} has no {'inputs' if not graph.inputs else 'outputs'}: there is nothing to run or train")
    if len(set(graph.inputs)) != len(graph.inputs):
        raise ModelError(f"{source} lists a graph input twice; the file is damaged")
    for index in graph.inputs:
        if graph.tensors[index].is_constant:
            raise ModelError(f"{source}: graph input '{graph.tensors[index].name}' is a constant; the file is damaged")
    for part in (graph, *graph.subgraphs):
        _check_ops(part, source)
    _check_signatures(graph, source)


def _check_ops(graph, source: str) -> None:
    used = {t for op in graph.ops for t in (*op.inputs, *op.outputs) if t >= 0} | set(graph.inputs) | set(graph.outputs)
    for index in used:
        _check_used(graph.tensors[index], source)
    written: set[int] = set()
    for op in graph.ops:
        _check_op(graph, op, written, source)
    graph.check(source)
    for op in graph.ops:
        check_shapes(graph, op, source)
        check_stateful_shapes(graph, op, source)


def _check_tensor(tensor, source: str) -> None:
    item_bytes = tensor.dtype.itemsize if tensor.dtype is not None else 1
    if min(tensor.shape, default=1) < 0 or size_of(tensor.shape, item_bytes) > MOST_BYTES:
        raise ModelError(f"{source}: tensor '{tensor.name}' has shape {tensor.shape}, which no arena holds; the file is damaged")
    if tensor.data is not None and tensor.data.size > MOST_BYTES:
        raise ModelError(f"{source}: tensor '{tensor.name}' has {tensor.data.size} bytes, TFLM holds at most {MOST_BYTES}")


def _check_used(tensor, source: str) -> None:
    """What TFLM and the rules take for granted of a tensor that an op reads or writes."""
    def damaged(what: str) -> ModelError:
        return ModelError(f"{source}: tensor '{tensor.name}' of shape {tensor.shape} {what}; the file is damaged")

    if 0 in tensor.shape:
        raise damaged("is empty")
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise ModelError(f"{source}: tensor '{tensor.name}' has {len(tensor.shape)} dimensions, TFLM holds {MOST_DIMENSIONS}")
    quantization = getattr(tensor.raw, "quantization", None)
    if quantization is None:
        return
    scale, zero_point = (np.asarray([] if v is None else v, np.float64) for v in (quantization.scale, quantization.zeroPoint))
    if scale.size == 0:
        return
    if not (np.isfinite(scale).all() and (scale > 0).all() and zero_point.size in (0, scale.size)):
        raise damaged("has scales that are not positive, or not as many zero points")
    if scale.size > 1 and scale.size not in tensor.shape:
        raise damaged(f"has {scale.size} scales, as many as no axis has elements")


def _check_op(graph, op, written: set[int], source: str) -> None:
    for index in op.outputs:
        tensor = graph.tensors[index]
        if tensor.is_constant or index in written or index in graph.inputs:
            raise ModelError(f"{source}: op {op.kind} writes tensor '{tensor.name}', which is a constant, a graph input or "
                             "written by another op; the file is damaged")
        written.add(index)
    intermediates = getattr(op.raw, "intermediates", None)
    for index in intermediates if intermediates is not None else ():
        if not -1 <= int(index) < len(graph.tensors):
            raise ModelError(f"{source}: op {op.kind} refers to tensor {int(index)} of {len(graph.tensors)}; the file is damaged")
    if getattr(op.raw, "largeCustomOptionsOffset", 0):
        raise ModelError(f"{source}: op {op.kind} keeps its options outside the flatbuffer, which TFLM cannot read")


def _check_signatures(graph, source: str) -> None:
    for signature in graph.signature_defs or []:
        for entry in (*(signature.inputs or []), *(signature.outputs or [])):
            if not 0 <= int(entry.tensorIndex) < len(graph.tensors):
                raise ModelError(f"{source}: a signature refers to tensor {int(entry.tensorIndex)} of {len(graph.tensors)}; "
                                 "the file is damaged")
