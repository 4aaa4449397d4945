"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR of maps: both resize rows and columns one after the other."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem
from tflm_tinyprop.conversion.rules.scatter import scatter_add
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op

_ROWS, _COLUMNS = 1, 2  # axes of [B, H, W, C]


class _ResizeRule(Rule):
    gradient = options.SCATTER_ADD
    note = "any size, aligned corners, half pixel centres"

    def problem(self, graph: Graph, op: Op) -> str | None:
        return float_problem(graph, op, positions=(0,))

    def _taps(self, resize, size: int, new_size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """(indices, weights) of the positions along an axis, as TFLM's kernel computes them in float32."""
        raise NotImplementedError

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op, delta = request.op, request.delta
        before, after = (graph.tensors[t].shape for t in (op.inputs[0], op.outputs[0]))
        for axis, name in ((_COLUMNS, "columns"), (_ROWS, "rows")):
            indices, weights = self._taps(op.options, before[axis], after[axis])
            delta = scatter_add(graph, request.shared.gate, delta, axis, before[axis], indices,
                                f"{request.name}/input_delta_{name}", weights)
        return [(op.inputs[0], delta)]


class ResizeNearestNeighborRule(_ResizeRule):
    kind = "RESIZE_NEAREST_NEIGHBOR"

    def _taps(self, resize, size: int, new_size: int):
        shifted = np.arange(new_size, dtype=np.float32) + np.float32(0.5 if resize.halfPixelCenters else 0)
        place = (shifted * _scale(resize, size, new_size)).astype(np.float64)
        nearest = np.floor(place + 0.5) if resize.alignCorners else np.floor(place)
        return np.clip(nearest, 0, size - 1).astype(np.int32)[:, None], None


class ResizeBilinearRule(_ResizeRule):
    kind = "RESIZE_BILINEAR"

    def _taps(self, resize, size: int, new_size: int):
        half = np.float32(0.5 if resize.halfPixelCenters else 0)
        place = (np.arange(new_size, dtype=np.float32) + half) * _scale(resize, size, new_size) - half
        lower, upper = np.maximum(np.floor(place), 0), np.minimum(np.ceil(place), size - 1)
        share = place - lower.astype(np.float32)
        return np.stack([lower, upper], axis=1).astype(np.int32), np.stack([1 - share, share], axis=1)


def _scale(resize, size: int, new_size: int) -> np.float32:
    if resize.alignCorners and new_size > 1:
        return np.float32(size - 1) / np.float32(new_size - 1)
    return np.float32(size) / np.float32(new_size)
