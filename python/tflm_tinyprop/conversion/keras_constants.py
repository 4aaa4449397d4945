"""The weights of an imported Keras model become constants of the graph, and of each it stays known where it came from.

The model is converted with its weights as inputs (keras_import), so that the converter can neither merge nor fold them.
What it computes from weights alone (transposed kernels, scale and shift of a normalisation) is computed here, once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tflm_tinyprop.conversion.layer_kinds import KINDS
from tflm_tinyprop.format.graph import Graph, Op, write_graph
from tflm_tinyprop.native_output import captured_output

# Ops that only rearrange their input; the number says which input that is.
_MOVES = {"TRANSPOSE": 0, "RESHAPE": 0, "EXPAND_DIMS": 0, "SQUEEZE": 0, "SLICE": 0, "STRIDED_SLICE": 0, "SPLIT": 1,
          "SPLIT_V": 0, "UNPACK": 0, "GATHER": 0, "REVERSE_V2": 0}
# The positions of a weight's elements go through ops as two float32, each of them exact.
_BASE = 1 << 12


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """Where a constant comes from.

    weights: numbers of the Keras weights it is computed from. positions: of a constant whose elements are elements of one
    weight, the flat position there of each, in the constant's shape; None if something was computed.
    """

    weights: tuple[int, ...]
    positions: np.ndarray | None = None

    @property
    def weight(self) -> int:
        """The weight it mainly is: of several, the one that the layer has first."""
        return self.weights[0]


def weights_to_constants(graph: Graph, values: Mapping[int, np.ndarray]) -> dict[int, Origin]:
    """Turns inputs of the graph into constants, in place, and computes what depends on nothing else.

    values: tensor index of an input -> its value; the numbers of the weights are their places in it. The product of a
    constant and a weight stays an op, since its weight has a gradient all the same: the first step of an unrolled RNN.
    Returns the origin of every constant that is made of them.
    """
    inputs = {tensor: number for number, tensor in enumerate(values)}
    sources = {tensor: (number,) for tensor, number in inputs.items()}
    moved = set(inputs)
    folded = []
    for op in graph.ops:
        if not _is_foldable(graph, op, sources):
            continue
        folded.append(op)
        weights = tuple(sorted({w for t in op.inputs for w in sources.get(t, ())}))
        sources.update((t, weights) for t in op.outputs)
        if op.kind in _MOVES and op.inputs[_MOVES[op.kind]] in moved:
            moved.update(op.outputs)
    done = {id(op) for op in folded}
    graph.ops = [op for op in graph.ops if id(op) not in done]
    read = {*graph.outputs, *(t for op in graph.ops for t in op.inputs)} & set(sources)

    origins = {}
    for tensor, value in _evaluate(graph, folded, values, read).items():
        graph.tensors[tensor].data = np.ascontiguousarray(value, np.float32).reshape(-1).view(np.uint8)
        origins[tensor] = Origin(sources[tensor])
    for part, scale in ((np.floor_divide, _BASE), (np.mod, 1)):
        indices = {t: part(np.arange(v.size).reshape(v.shape), _BASE) for t, v in values.items()}
        for tensor, index in _evaluate(graph, folded, indices, read & moved).items():
            before = origins[tensor].positions
            index = scale * np.asarray(index, np.int64).reshape(graph.tensors[tensor].shape)
            origins[tensor] = Origin(sources[tensor], index if before is None else before + index)
    graph.inputs = [t for t in graph.inputs if t not in inputs]
    return origins


def merge_equal_origins(graph: Graph, origins: Mapping[int, Origin]) -> None:
    """Lets ops that read the same elements of the same weight read one tensor: the layer is called several times."""
    first: dict[tuple, int] = {}
    same = {}
    for tensor, origin in origins.items():
        if origin.positions is not None:
            key = (origin.weights, origin.positions.shape, origin.positions.tobytes())
            same[tensor] = first.setdefault(key, tensor)
    for op in graph.ops:
        op.inputs = [same.get(t, t) for t in op.inputs]


def _is_foldable(graph: Graph, op: Op, sources: Mapping[int, tuple[int, ...]]) -> bool:
    given = [t for t in op.inputs if t >= 0]
    if not all(t in sources or graph.tensors[t].is_constant for t in given) or not any(t in sources for t in given):
        return False
    if any(t in graph.outputs for t in op.outputs):
        return False
    is_product = op.kind == "BATCH_MATMUL" or op.kind in KINDS
    return not is_product or op.inputs[KINDS[op.kind].x if op.kind in KINDS else 0] in sources


def _evaluate(graph: Graph, ops: list[Op], values: Mapping[int, np.ndarray], wanted: set[int]) -> dict[int, np.ndarray]:
    """Tensor index -> value, of the wanted tensors; TensorFlow Lite's interpreter runs the ops."""
    import tensorflow as tf

    results = {t: value for t, value in values.items() if t in wanted}
    outputs = [t for op in ops for t in op.outputs if t in wanted]
    if not outputs:
        return results
    part = dataclasses.replace(graph, ops=ops, inputs=list(values), outputs=outputs, metadata={}, signature_defs=None)
    with captured_output([]):
        interpreter = tf.lite.Interpreter(
            model_content=write_graph(part),
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
        for tensor, value in values.items():
            interpreter.set_tensor(tensor, np.asarray(value, np.float32))
        interpreter.invoke()
    return results | {t: interpreter.get_tensor(t) for t in outputs}
