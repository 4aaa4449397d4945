"""The gradient along one axis of ops that take slices of x, or weighted sums of a few, by indices known beforehand."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op, Tensor


def scatter_add(graph: Graph, gate: int, delta: int, axis: int, size: int, indices: np.ndarray, name: str,
                weights: np.ndarray | None = None) -> int:
    """Appends the op; returns the gradient, with `size` slices along the axis.

    indices: the slices that each position of delta is made of, [positions, taps]. weights: of the same shape; None for ones.
    """
    shape = list(graph.tensors[delta].shape)
    shape[axis] = size
    output = graph.add_tensor(Tensor(f"tinyprop/{name}", tuple(shape), np.dtype(np.float32)))
    inputs = [delta, graph.add_constant(f"tinyprop/{name}/indices", np.asarray(indices, np.int32))]
    inputs.append(-1 if weights is None else graph.add_constant(f"tinyprop/{name}/weights", np.asarray(weights, np.float32)))
    graph.ops.append(Op(options.SCATTER_ADD, [*inputs, gate], [output], is_custom=True,
                        custom_options=options.ScatterAddOptions(axis).pack()))
    return output
