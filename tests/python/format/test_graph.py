"""Reading and writing flatbuffers."""

import flatbuffers
import numpy as np
import pytest

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import ALIGNMENT, Graph, Op, Tensor, read_graph, schema, write_graph

FLOAT = np.dtype(np.float32)


def structure(graph: Graph):
    return (
        [(t.name, t.shape, t.dtype, t.is_variable, None if t.data is None else t.data.tobytes())
         for t in graph.tensors],
        [(o.kind, o.is_custom, o.inputs, o.outputs, o.custom_options) for o in graph.ops],
        graph.inputs, graph.outputs, graph.metadata,
    )


def test_writing_what_was_read_gives_the_same_graph(model):
    assert structure(read_graph(write_graph(model.graph))) == structure(model.graph)


def test_constants_are_aligned_in_the_file(model):
    data = write_graph(model.graph)
    constants = [t.data.tobytes() for t in model.graph.tensors if t.is_constant and len(t.data) > 64]
    assert constants
    for constant in constants:
        assert data.index(constant) % ALIGNMENT == 0


@pytest.mark.parametrize("data", [b"", b"TFL3", b"not a flatbuffer at all", bytes(100)])
def test_what_is_not_a_tflite_is_refused(data):
    with pytest.raises(ModelError, match="not a .tflite"):
        read_graph(data)


def test_every_truncation_is_noticed(plain_tflite):
    for length in range(len(plain_tflite)):
        with pytest.raises(ModelError):
            read_graph(plain_tflite[:length])


def test_random_damage_never_raises_anything_else(plain_tflite):
    seed = 11
    print(f"seed {seed}")
    generator = np.random.default_rng(seed)
    for _ in range(500):
        damaged = bytearray(plain_tflite)
        for position in generator.integers(8, len(damaged), 4):
            damaged[position] = generator.integers(256)
        try:
            read_graph(bytes(damaged))
        except ModelError:
            pass


def test_a_constant_of_a_wrong_size_is_refused(plain_tflite):
    graph = read_graph(plain_tflite)
    kernel = next(t for t in graph.tensors if t.is_constant and len(t.shape) == 2)
    kernel.shape = (kernel.shape[0] + 1, kernel.shape[1])
    with pytest.raises(ModelError, match=f"{kernel.name}.*damaged"):
        read_graph(write_graph(graph))


def test_a_tensor_that_nobody_writes_is_refused():
    float32 = np.dtype(np.float32)
    graph = Graph([Tensor("input", (1,), float32), Tensor("orphan", (1,), float32), Tensor("sum", (1,), float32)],
                  [Op("ADD", [0, 1], [2])], [0], [2])
    with pytest.raises(ModelError, match="orphan"):
        write_graph(graph)


def test_set_array_checks_the_shape(plain_tflite):
    graph = read_graph(plain_tflite)
    kernel = next(t for t in graph.tensors if t.is_constant)
    with pytest.raises(ModelError, match=kernel.name):
        kernel.set_array(np.zeros((1, 1, 1)))


def test_set_array_checks_the_shape_not_only_the_size(plain_tflite):
    graph = read_graph(plain_tflite)
    kernel = next(t for t in graph.tensors if t.is_constant and len(t.shape) == 2)
    with pytest.raises(ModelError, match="has shape"):
        kernel.set_array(kernel.array().T)


@pytest.mark.parametrize("index", [-1, "count"])
def test_an_index_outside_the_tensors_is_refused(plain_tflite, index):
    graph = read_graph(plain_tflite)
    index = len(graph.tensors) if index == "count" else index
    graph.inputs.append(index)
    with pytest.raises(ModelError, match=f"a graph input refers to tensor {index} of {len(graph.tensors)};"):
        read_graph(write_graph(graph))


def test_an_output_that_nobody_writes_is_refused():
    graph = Graph([Tensor("input", (1,), FLOAT), Tensor("orphan", (1,), FLOAT)], [], [0], [1])
    with pytest.raises(ModelError, match="graph output 'orphan' is never written"):
        write_graph(graph)


def test_ops_beyond_the_codes_of_the_first_schema():
    """Their code does not fit into the 8 bits that the first versions of the schema had for it."""
    assert schema.BuiltinOperator.BROADCAST_TO > 127
    graph = Graph([Tensor("input", (1,), FLOAT), Tensor("longer", (4,), FLOAT), Tensor("output", (4,), FLOAT)], [], [0], [2])
    shape = graph.add_constant("shape", np.array([4], np.int32))
    graph.ops = [Op("BROADCAST_TO", [0, shape], [1]), Op("ABS", [1], [2])]
    again = read_graph(write_graph(graph))
    assert [op.kind for op in again.ops] == ["BROADCAST_TO", "ABS"]


def test_tensors_that_share_their_data_share_a_buffer():
    graph = Graph([Tensor("input", (64,), FLOAT), Tensor("output", (64,), FLOAT)], [], [0], [1])
    values = np.random.default_rng(0).normal(size=64).astype(np.float32)
    first = graph.add_constant("first", values)
    second = graph.add_tensor(Tensor("second", (64,), FLOAT, graph.tensors[first].data))
    graph.ops = [Op("ADD", [first, second], [1])]
    data = write_graph(graph)
    assert data.count(values.tobytes()) == 1
    np.testing.assert_array_equal(read_graph(data).tensors[second].array(), values)


def packed(model) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_control_flow_and_weights_outside_the_file_are_refused(plain_tflite):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(plain_tflite, 0))
    model.subgraphs = model.subgraphs * 2
    with pytest.raises(ModelError, match="has 2 subgraphs"):
        read_graph(packed(model))
    model.subgraphs = []
    with pytest.raises(ModelError, match="has 0 subgraphs"):
        read_graph(packed(model))
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(plain_tflite, 0))
    model.buffers[-1].offset = 1000
    with pytest.raises(ModelError, match="outside the flatbuffer"):
        read_graph(packed(model))
