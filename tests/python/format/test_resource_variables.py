"""Models of several subgraphs: those that set resource variables are read and written, others are refused."""

import numpy as np
import pytest
import stateful_models as models

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.format.resource_variables import handles_of, variable_names


def parts(graph: Graph):
    return [
        (part.name, part.inputs, part.outputs, [(op.kind, op.inputs, op.outputs) for op in part.ops],
         [(t.name, t.shape, t.dtype, None if t.data is None else t.data.tobytes()) for t in part.tensors])
        for part in (graph, *graph.subgraphs)
    ]


def test_writing_what_was_read_gives_the_same_subgraphs():
    data = models.delayed()
    graph = read_graph(data)
    assert parts(read_graph(write_graph(graph))) == parts(graph)
    assert [part.name for part in graph.subgraphs] == ["initialize"]
    assert list(handles_of(graph).values()) == [("", "memory")]
    assert variable_names(graph) == {("", "memory")}


def test_a_copy_has_its_own_list_of_subgraphs():
    graph = read_graph(models.delayed())
    graph.copy().subgraphs.clear()
    assert len(graph.subgraphs) == 1


def changed(change) -> bytes:
    graph = read_graph(models.delayed())
    change(graph)
    return write_graph(graph)


def another_subgraph(graph: Graph) -> None:
    graph.subgraphs.append(models.initializer({"memory": np.zeros((1, models.FEATURES), np.float32)}))


def computes(graph: Graph) -> None:
    first = graph.subgraphs[0]
    result = first.add_tensor(Tensor("result", (1, models.FEATURES), np.dtype(np.float32)))
    first.ops.append(Op("ABS", [first.ops[1].inputs[1]], [result], raw=builtin_options("AbsOptions")))


def run_subgraph(graph: Graph, index: int) -> None:
    graph.ops[0].options.initSubgraphIndex = index


def set_tensor(part: Graph, kind: str, which: str, **fields) -> None:
    op = next(op for op in part.ops if op.kind == kind)
    tensor = part.tensors[op.outputs[0] if which == "output" else op.inputs[1]]
    for name, value in fields.items():
        setattr(tensor, name, value)


@pytest.mark.parametrize(("message", "change"), [
    ("has 3 subgraphs .control flow.*nothing runs subgraph 'initialize'", another_subgraph),
    ("has 2 subgraphs .control flow.*subgraph 'initialize' has the op ABS", computes),
    ("CALL_ONCE runs subgraph .0,.", lambda g: run_subgraph(g, 0)),
    ("CALL_ONCE runs subgraph .2,.", lambda g: run_subgraph(g, 2)),
    ("CALL_ONCE runs subgraph .-1,.", lambda g: run_subgraph(g, -1)),
    ("'memory' is used with 12 bytes of float32, and with 16 of float32", lambda g: set_tensor(g, "READ_VARIABLE", "output", shape=(1, 4))),
    ("'memory' is used with 12 bytes of int32, and with 12 of float32",
     lambda g: set_tensor(g.subgraphs[0], "ASSIGN_VARIABLE", "input", dtype=np.dtype(np.int32))),
    ("'memory' starts from a value that is not a constant",
     lambda g: set_tensor(g.subgraphs[0], "ASSIGN_VARIABLE", "input", data=None, is_variable=True)),
    ("gets its variable from no VAR_HANDLE", lambda g: g.ops[2].inputs.__setitem__(0, 0)),
    ("op ASSIGN_VARIABLE has 3 inputs", lambda g: g.ops[-2].inputs.append(0)),
    ("op READ_VARIABLE has 0 inputs", lambda g: g.ops[2].inputs.clear()),
    ("a resource variable has no name", lambda g: setattr(g.ops[1], "raw", None)),
    ("a resource variable has no name or no container", lambda g: setattr(g.ops[1].options, "container", None)),
    ("a resource variable has no name", lambda g: setattr(g.subgraphs[0].ops[0].options, "sharedName", "")),
    ("op VAR_HANDLE has 1 inputs", lambda g: g.ops[1].inputs.append(0)),
    ("CALL_ONCE runs subgraph .0,.", lambda g: setattr(g.ops[0], "raw", None)),
])
def test_what_tflm_would_not_survive_is_refused(message, change):
    with pytest.raises(ModelError, match=message):
        read_graph(changed(change))


def test_every_truncation_and_random_damage_is_noticed():
    data, seed = models.delayed(), 12
    print(f"seed {seed}")
    for length in range(len(data)):
        with pytest.raises(ModelError):
            read_graph(data[:length])
    generator = np.random.default_rng(seed)
    for _ in range(500):
        damaged = bytearray(data)
        for position in generator.integers(8, len(damaged), 4):
            damaged[position] = generator.integers(256)
        try:
            read_graph(bytes(damaged))
        except ModelError:
            pass
