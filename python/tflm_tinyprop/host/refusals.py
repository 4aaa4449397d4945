"""Why TFLM does not run a model, in terms of the model: which layer, which op, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op

_FAILED_NODE = re.compile(r"Node (\w+) \(number (\d+)f?\) failed to (?:prepare|invoke)")
_MISSING = re.compile(r"Failed to get registration from op code (\w+)")


def explain(graph: Graph, log: str, names: Mapping[str, str]) -> str:
    """What TFLM's messages mean.

    log: what it printed. names: name of an op's output tensor -> layer, for ops with weights.
    """
    index = _culprit(graph, log)
    if index is None:
        return f"TFLM cannot run this model: {log.strip()}"
    op = graph.ops[index]
    name = graph.tensors[op.outputs[0]].name if op.outputs else f"op {index}"
    return f"TFLM cannot run '{names.get(name, name)}' ({op.kind}): {_reason(graph, op, log)}"


def _culprit(graph: Graph, log: str) -> int | None:
    failed = _FAILED_NODE.search(log)
    if failed and int(failed[2]) < len(graph.ops):
        return int(failed[2])
    missing = _MISSING.search(log)
    if missing:
        kinds = [op.kind if not op.is_custom or op.kind.startswith("TinyProp") else "CUSTOM" for op in graph.ops]
        return next((i for i, kind in enumerate(kinds) if kind == missing[1]), None)
    return None


def _reason(graph: Graph, op: Op, log: str) -> str:
    if _is_hybrid(graph, op):
        return ("its weights are int8 and its activations float32 (dynamic range quantization), which TFLM has no kernels "
                "for; export the model again without optimizations, or with full integer quantization")
    if op.is_custom and _MISSING.search(log):
        return "a custom op that is not TinyProp's; convert the model before a compiler for an accelerator rewrites it"
    if _MISSING.search(log):
        return f"TFLM has no such op; {_INSTEAD.get(op.kind, 'build the model without it, or compute it before the model')}"
    types = ", ".join(str(graph.tensors[t].dtype or "an unknown type") for t in (*op.inputs, *op.outputs) if t >= 0)
    if op.kind == "CAST" and any(graph.tensors[t].dtype == np.uint8 for t in op.inputs):
        return ("its CAST does not take uint8; give the model a float32 input and convert the values before they are "
                "handed to it")
    if any(graph.tensors[t].dtype == np.uint8 and graph.tensors[t].is_quantized for t in op.outputs):
        return "the model is quantized to uint8, which TFLM has no kernels for; export it again with int8"
    return f"it does not take what it is given ({types}): {log.strip()}"


def _is_hybrid(graph: Graph, op: Op) -> bool:
    weights = [graph.tensors[t] for t in op.inputs if t >= 0 and graph.tensors[t].is_constant]
    return (any(t.dtype == np.int8 and t.is_quantized for t in weights) and len(op.inputs) > 1
            and graph.tensors[op.outputs[0]].dtype == np.float32)


_INSTEAD = {
    "GELU": "use another activation, swish or relu for instance",
}
