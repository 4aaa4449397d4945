"""Ops that TFLM does not have, replaced by ones that it has: the same values, and gradients where they are trained."""

import numpy as np
import pytest
from probe import check, each_configuration, random_map

from tflm_tinyprop.conversion.substitution import substitute_missing_ops
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.host.session import Session

COUNT = 60
FLOAT, INT, BOOL = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.bool_)


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.ops]


def test_tile():
    import tensorflow as tf

    for generator in each_configuration("TILE", COUNT):
        values = random_map(generator, int(generator.integers(2, 5)))
        times = [1, *generator.integers(1, 4, values.ndim - 1).tolist()]

        def build(probe, times=times):
            shape = np.tile(probe.values, times).shape
            return probe.op("TILE", [probe.input, probe.constant(np.array(times, np.int32))], shape,
                            builtin_options("TileOptions"))

        check(values, build, lambda x, t=times: tf.tile(x, t), generator)


class Builder:
    """A graph with one input, made op by op."""

    def __init__(self, shape, dtype=FLOAT):
        self.graph = Graph([], [], [], [])
        self.input = self.tensor(shape, dtype)
        self.graph.inputs = [self.input]

    def tensor(self, shape, dtype=FLOAT) -> int:
        return self.graph.add_tensor(Tensor(f"t{len(self.graph.tensors)}", tuple(shape), dtype))

    def constant(self, values) -> int:
        return self.graph.add_constant(f"c{len(self.graph.tensors)}", np.asarray(values))

    def op(self, kind: str, inputs: list[int], shape, dtype=FLOAT, raw=None) -> int:
        output = self.tensor(shape, dtype)
        self.graph.ops.append(Op(kind, inputs, [output], raw=raw))
        return output

    def run(self, output: int, values: np.ndarray) -> np.ndarray:
        """The substituted graph's output in TFLM."""
        self.graph.outputs = [output]
        substitute_missing_ops(self.graph)
        session = Session(write_graph(self.graph), 1 << 16)
        session.set_input(values, 0)
        session.invoke()
        return np.array(session.output(0))


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
def test_select_of_whole_numbers(shape):
    """What stands in front of an Embedding's GATHER: a negative index counts from the end."""
    values = np.array([-3, 0, 2, -1, 2**24, -(2**24)], np.float32).reshape(shape)
    b = Builder(shape)
    index = b.op("CAST", [b.input], shape, INT, builtin_options("CastOptions"))
    negative = b.op("LESS", [index, b.constant(np.zeros(shape, np.int32))], shape, BOOL, builtin_options("LessOptions"))
    from_end = b.op("ADD", [index, b.constant(np.full(shape, 10, np.int32))], shape, INT, builtin_options("AddOptions"))
    chosen = b.op("SELECT", [negative, from_end, index], shape, INT, builtin_options("SelectOptions"))
    result = b.run(b.op("CAST", [chosen], shape, FLOAT, builtin_options("CastOptions")), values)
    np.testing.assert_array_equal(result, np.where(values < 0, values + 10, values))
    assert "SELECT" not in kinds(b.graph)


def test_select_of_floats():
    values = np.float32([[-1.5, 2.5, np.inf], [0.0, -0.0, 1e-40]])
    b = Builder((2, 3))
    positive = b.op("GREATER", [b.input, b.constant(np.zeros((2, 3), np.float32))], (2, 3), BOOL,
                    builtin_options("GreaterOptions"))
    other = b.constant(np.float32([[7, 8, 9], [10, 11, 12]]))
    result = b.run(b.op("SELECT", [positive, b.input, other], (2, 3), raw=builtin_options("SelectOptions")), values)
    np.testing.assert_array_equal(result, np.where(values > 0, values, b.graph.tensors[other].array()))
    assert kinds(b.graph) == ["GREATER", "SELECT_V2"]


def test_reshapes_of_reshapes_are_skipped():
    b = Builder((1, 4, 3))
    apart = b.op("RESHAPE", [b.input, b.constant(np.int32([1, 4, 1, 3]))], (1, 4, 1, 3), raw=builtin_options("ReshapeOptions"))
    tiled = b.op("TILE", [apart, b.constant(np.int32([1, 1, 2, 1]))], (1, 4, 2, 3), raw=builtin_options("TileOptions"))
    output = b.op("RESHAPE", [tiled, b.constant(np.int32([1, 8, 3]))], (1, 8, 3), raw=builtin_options("ReshapeOptions"))
    values = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    np.testing.assert_array_equal(b.run(output, values), np.repeat(values, 2, axis=1))
    assert kinds(b.graph) == ["RESHAPE", "BROADCAST_TO", "RESHAPE"]


def test_a_reshape_that_others_read_stays():
    b = Builder((1, 4))
    apart = b.op("RESHAPE", [b.input, b.constant(np.int32([1, 2, 2]))], (1, 2, 2), raw=builtin_options("ReshapeOptions"))
    tiled = b.op("TILE", [apart, b.constant(np.int32([1, 1, 1]))], (1, 2, 2), raw=builtin_options("TileOptions"))
    output = b.op("ADD", [tiled, apart], (1, 2, 2), raw=builtin_options("AddOptions"))
    values = np.float32([[1, 2, 3, 4]])
    np.testing.assert_array_equal(b.run(output, values), 2 * values.reshape(1, 2, 2))


def test_what_is_left_alone():
    b = Builder((1, 4))
    times = b.op("SHAPE", [b.input], (2,), INT, builtin_options("ShapeOptions"))
    b.op("TILE", [b.input, times], (1, 16), raw=builtin_options("TileOptions"))
    condition = b.tensor((1,), BOOL)  # TFLite's SELECT takes a condition for each row; SELECT_V2 would broadcast it
    b.op("SELECT", [condition, b.input, b.input], (1, 4), raw=builtin_options("SelectOptions"))
    whole = b.tensor((1, 4), np.dtype(np.int64))
    b.op("SELECT", [b.tensor((1, 4), BOOL), whole, whole], (1, 4), np.dtype(np.int64), builtin_options("SelectOptions"))
    before = list(b.graph.ops)
    substitute_missing_ops(b.graph)
    assert b.graph.ops == before


def test_a_graph_without_such_ops_is_not_touched(model):
    graph = read_graph(model.data)
    before, tensors = list(graph.ops), len(graph.tensors)
    substitute_missing_ops(graph)
    assert graph.ops == before and len(graph.tensors) == tensors
