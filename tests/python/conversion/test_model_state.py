"""State of a model's own ops: what of it convert() finds, and what it refuses."""

import numpy as np
import pytest
import stateful_models as models
from stateful_models import FEATURES, Builder

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, options
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.format.resource_variables import variable_names


def convert(data: bytes, **given) -> tp.TrainableModel:
    # Some of these graphs are none that TFLM could run.
    return tp.convert(data, **{"loss": "mean_squared_error", "trainable_layers": ["last"], "verify": False, **given})


@pytest.mark.parametrize("stateful", [False, True])
def test_variable_tensors_are_reset_by_an_op_in_front(stateful):
    model = convert(models.quantized_memory(np.int8, -7), stateful=stateful)
    graph, op = model.graph, model.graph.ops[1]
    assert [op.kind for op in graph.ops[:3]] == [options.INITIALIZE, options.RESET_STATE, "DEQUANTIZE"]
    assert options.unpack(op.kind, op.custom_options) == options.ResetStateOptions(1, int(stateful))
    values, state, *request = op.inputs
    assert graph.tensors[state].name == "model/memory"
    assert graph.tensors[values].array().tolist() == [-7]
    assert [graph.tensors[t].name for t in request] == ["tinyprop_reset_state"] * stateful
    if stateful:
        assert graph.inputs[model.training.reset_state_input] == request[0]
        assert (graph.tensors[request[0]].dtype, graph.tensors[request[0]].shape) == (np.bool_, (1,))


@pytest.mark.parametrize("stateful", [False, True])
def test_an_if_stands_where_call_once_was(stateful):
    data = models.delayed()
    model = convert(data, stateful=stateful)
    assert [op.kind for op in model.graph.ops[1:8]] == ["IF", *(op.kind for op in read_graph(data).ops[1:])]
    condition, fields = model.graph.tensors[model.graph.ops[1].inputs[0]], model.graph.ops[1].options
    if stateful:
        assert condition.name == "tinyprop_reset_state"
        assert (fields.thenSubgraphIndex, fields.elseSubgraphIndex) == (1, 2)
        assert model.graph.subgraphs[1].ops == []
    else:
        assert condition.array().tolist() == [True]
        assert (fields.thenSubgraphIndex, fields.elseSubgraphIndex) == (1, 1)
    assert variable_names(model.graph) == {("", "memory")}
    assert options.RESET_STATE not in [op.kind for op in model.graph.ops]


def test_a_source_is_made_trainable_more_than_once():
    from tflm_tinyprop.conversion import pipeline

    source = pipeline.read_source(models.delayed())
    results = [pipeline.trainable_bytes(source, loss="mean_squared_error", stateful=s) for s in (True, False, True)]
    assert results[0] == results[2] != results[1]


def refused(data: bytes, message: str, **given) -> None:
    with pytest.raises(ModelError, match=message):
        convert(data, **given)


def changed(data: bytes, change) -> bytes:
    graph = read_graph(data)
    change(graph)
    return write_graph(graph)


def hidden_state(kind: str) -> bytes:
    model = Builder((1, FEATURES), 0)
    output = model.tensor("model/delayed/output", (1, FEATURES))
    model.graph.ops.append(Op(kind, [0], [output], is_custom=True, custom_options=b"\0"))
    model.current = output
    model.dense(2)
    return model.bytes()


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("kind", ["CIRCULAR_BUFFER", "SignalDelay", "SignalFramer", "SignalOverlapAdd", "SignalStacker",
                                  "SignalFilterBankSpectralSubtraction"])
def test_state_inside_an_op_is_refused(kind, stateful):
    refused(hidden_state(kind), f"op {kind} .'model/delayed/output'. keeps state inside itself", stateful=stateful)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: models.lstm(), "'model/lstm/output'. has a state of shape .1, 4. for 2 samples"),
    (lambda: models.svdf(), "'model/svdf/output'. has a state of shape .1, 20."),
    (lambda: models.delayed(), "state 'memory' has the shape .*would share it; convert with batch_size=1"),
], ids=["lstm", "svdf", "resource"])
def test_state_that_samples_of_a_batch_would_share_is_refused(make, message):
    def to_batch_of_two(graph: Graph) -> None:
        for t in graph.tensors:
            if not t.is_variable and not t.is_constant and t.shape[:1] == (1,):
                t.shape = (2, *t.shape[1:])
        # A resource variable with the mean of the samples.
        for position, op in enumerate(graph.ops):
            if op.kind == "MUL":
                axis = graph.add_constant("axis", np.array([0], np.int32))
                op = graph.ops[position] = Op("MEAN", [op.inputs[0], axis], op.outputs, raw=builtin_options("ReducerOptions", keepDims=True))
            if op.kind in ("READ_VARIABLE", "MEAN"):
                graph.tensors[op.outputs[0]].shape = (1, FEATURES)

    refused(changed(make(), to_batch_of_two), message, batch_size=2)


def test_a_variable_with_data_is_refused():
    def give_data(graph: Graph) -> None:
        state = next(t for t in graph.tensors if t.is_variable)
        state.data = np.ones(state.size, np.float32).view(np.uint8)

    refused(changed(models.lstm(), give_data), "'model/lstm/hidden' is a variable, and has data")


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.bool_])
def test_state_of_other_types_is_refused(dtype):
    refused(models.quantized_memory(dtype, 0), "variable tensor 'model/memory' is .*float32, int8, int16 or int32")


def test_a_variable_without_elements_is_refused():
    def empty(graph: Graph) -> None:
        next(t for t in graph.tensors if t.is_variable).shape = (1, 0)

    refused(changed(models.svdf(), empty), r"'model/svdf/state' of shape \(1, 0\) is empty")


def test_a_resource_variable_without_a_first_value_is_refused():
    refused(models.delayed(initial=None), "'memory' has no first value: .*CALL_ONCE")
    refused(changed(models.delayed(), lambda g: g.subgraphs[0].ops.clear()), "'memory' has no first value in subgraph 'initialize'")


def test_a_resource_variable_that_is_used_before_it_is_set_is_refused():
    refused(changed(models.delayed(), lambda g: g.ops.append(g.ops.pop(0))), "'memory' is used before CALL_ONCE")


def test_two_ops_that_set_resource_variables_are_refused():
    refused(changed(models.delayed(), lambda g: g.ops.insert(0, g.ops[0])), "2 ops CALL_ONCE")


def test_a_model_with_an_if_of_its_own_is_refused():
    def choose(graph: Graph) -> None:
        condition = graph.add_constant("condition", np.array([True]))
        graph.ops.insert(1, Op("IF", [condition], [], raw=builtin_options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=1)))

    refused(changed(models.delayed(), choose), "op IF .control flow.")


def through_a_resource(is_read_first: bool) -> bytes:
    """A dense layer, whose output goes through a resource variable to the output."""
    model = Builder((1, FEATURES), 0)
    model.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
    model.graph.subgraphs = [models.initializer({"memory": np.zeros((1, 2), np.float32)})]
    handle = models.add_handle(model.graph, "memory")
    remembered, total = model.tensor("remembered", (1, 2)), model.tensor("total", (1, 2))
    if is_read_first:
        model.op("READ_VARIABLE", [handle], [remembered], "ReadVariableOptions")
    model.dense(2)
    model.op("ASSIGN_VARIABLE", [handle, model.current], [], "AssignVariableOptions")
    if not is_read_first:
        model.op("READ_VARIABLE", [handle], [remembered], "ReadVariableOptions")
    model.op("ADD", [model.current, remembered], [total], "AddOptions")
    model.current = total
    return model.bytes()


def test_a_gradient_that_would_have_to_go_through_a_resource_variable_is_refused():
    refused(through_a_resource(is_read_first=False), "'memory' carries the output of a trained layer")


def test_the_sample_before_gets_no_gradient():
    """What the layer gave for it is an input of this step: y = W x + m."""
    model = convert(through_a_resource(is_read_first=True), stateful=True, config=tp.TinyPropConfig.full(), verify=True)
    trainer = tp.Trainer(model)
    x, target = np.random.default_rng(0).normal(size=(2, 1, FEATURES)).astype(np.float32), np.zeros((1, 2), np.float32)
    before = trainer.predict_stream(x[0])[0]
    kernel, bias = (w.astype(np.float64) for w in trainer.get_weights())
    trainer.train_on_batch(x[1], target, learning_rate=0.1)
    delta = kernel @ x[1, 0] + bias + before  # of the mean over two elements
    np.testing.assert_allclose(trainer.get_weights()[0], kernel - 0.1 * np.outer(delta, x[1, 0]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trainer.get_weights()[1], bias - 0.1 * delta, rtol=1e-5, atol=1e-6)


def test_state_is_in_the_metadata_and_agrees_with_the_graph():
    for stateful, state in ((False, metadata.RESET_STATE), (True, metadata.KEPT_STATE)):
        model = convert(models.lstm(), stateful=stateful)
        assert (model.training.model_state, model.training.reset_state_input) == (state, 3 if stateful else 0)
        assert metadata.unpack(model.training.pack()) == model.training


@pytest.mark.parametrize("change", [
    lambda g: g.inputs.append(g.add_tensor(Tensor("another", (1,), np.dtype(np.bool_)))),
    lambda g: setattr(g.tensors[g.inputs[-1]], "shape", (2,)),
    lambda g: setattr(g.tensors[g.inputs[-1]], "dtype", np.dtype(np.int8)),
])
def test_a_request_for_a_reset_that_does_not_fit_the_metadata(change):
    model = convert(models.lstm(), stateful=True)
    with pytest.raises(ModelError, match=metadata.ENTRY):
        tp.TrainableModel(changed(model.data, change))
