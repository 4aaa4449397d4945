"""Planning and the graph pass: what is trained, what is refused, and what stays as it was."""

import functools
import re

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.differentiate import differentiate, inference_graph
from tflm_tinyprop.conversion.plan import make_plan
from tflm_tinyprop.conversion.separate import separate_biases
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.models.tiny_models import dense_classifier

FLOAT = np.dtype(np.float32)


def trained(model):
    return [layer.name for layer in model.training.layers if layer.is_trained]


def kinds(graph):
    return [op.kind for op in graph.ops]


def test_ops_come_in_the_order_of_a_step(model):
    assert kinds(model.graph) == [
        options.INITIALIZE, "FULLY_CONNECTED", "FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX",
        options.SOFTMAX_CROSS_ENTROPY, options.DECISION, *[options.op_kind("FullyConnectedGrad")] * 3,
    ]


def test_inputs_and_outputs_are_named_and_ordered(model):
    names = [model.graph.tensors[t].name for t in model.graph.inputs]
    assert names == ["input", "tinyprop_label", "tinyprop_control"]
    names = [model.graph.tensors[t].name for t in model.graph.outputs]
    assert names == ["model/softmax", "tinyprop_loss", "tinyprop_statistics", "dense_1/kernel", "dense_1/bias",
                     "dense_2/kernel", "dense_2/bias", "dense_3/kernel", "dense_3/bias", "tinyprop_state"]


@pytest.mark.parametrize(("wanted", "expected"), [
    ("all", ["dense_1", "dense_2", "dense_3"]),
    (2, ["dense_2", "dense_3"]),
    (["dense_1"], ["dense_1"]),
    ("dense_2", ["dense_2"]),
    (("dense_3", "dense_1"), ["dense_1", "dense_3"]),
])
def test_trainable_layers(plain_tflite, wanted, expected):
    assert trained(tp.convert(plain_tflite, trainable_layers=wanted)) == expected


def test_the_pass_stops_at_the_first_trainable_layer(plain_tflite):
    model = tp.convert(plain_tflite, trainable_layers=["dense_2"])
    layers = {layer.name: layer for layer in model.training.layers}
    assert list(layers) == ["dense_2", "dense_3"]
    assert layers["dense_2"].hand_down_macs == 0 and layers["dense_2"].update_macs == 16
    assert layers["dense_3"].hand_down_macs == 12 and layers["dense_3"].update_macs == 0
    assert kinds(model.graph).count(options.op_kind("FullyConnectedGrad")) == 2


def test_frozen_weights_stay_constants(plain_tflite):
    model = tp.convert(plain_tflite, trainable_layers=1)
    variables = [t.name for t in model.graph.tensors if t.is_variable]
    assert variables == ["tinyprop_statistics", "dense_3/kernel", "dense_3/bias", "tinyprop_state"]


def test_a_gradient_op_reads_no_more_than_it_needs(plain_tflite):
    """What is left out the planner can free earlier: a frozen layer's input, the output of a linear one."""
    graph = tp.convert(plain_tflite, trainable_layers=["dense_1", "dense_3"]).graph
    last, frozen, first = (op for op in graph.ops if op.kind == options.op_kind("FullyConnectedGrad"))
    names = [[graph.tensors[t].name if t >= 0 else None for t in op.inputs[1:5]] for op in (first, frozen, last)]
    assert names == [
        ["input", "model/dense_1/output", "dense_1/kernel", "dense_1/bias"],
        [None, "model/dense_2/output", "model/dense_2/kernel", None],
        ["model/dense_2/output", None, "dense_3/kernel", "dense_3/bias"],
    ]


def test_the_loss_op_masks_for_the_output_layer():
    """Its gradient op then needs no output: the delta is already taken before the activation."""
    graph = read_graph(dense_classifier([4, 4, 3], softmax=False))
    graph.ops[-1].options.fusedActivationFunction = 1
    trainable = tp.convert(write_graph(graph), loss="mse").graph
    loss = next(op for op in trainable.ops if op.kind == options.MEAN_SQUARED_ERROR)
    last, first = (op for op in trainable.ops if op.kind == options.op_kind("FullyConnectedGrad"))
    assert [options.unpack(op.kind, op.custom_options).fused_activation for op in (loss, last, first)] == [1, 0, 1]
    assert last.inputs[2] == -1 and first.inputs[2] >= 0


def test_a_graph_is_not_made_trainable_twice(model):
    with pytest.raises(ModelError, match="already trainable"):
        differentiate(model.graph, plan=None, config=None)


def test_layers_whose_tensors_have_one_name_are_told_apart():
    graph = read_graph(dense_classifier([4, 4, 4, 3], softmax=False))
    for op in graph.ops:
        graph.tensors[op.inputs[1]].name = "model/same/kernel"
    assert trained(tp.convert(write_graph(graph))) == ["same", "same_2", "same_3"]
    assert trained(tp.convert(write_graph(graph), trainable_layers=["same_2"])) == ["same_2"]


def test_effort_counts_multiply_accumulates(model):
    assert model.training.forward_macs == 8 * 16 + 16 * 12 + 12 * 4
    # The first layer hands nothing down.
    assert model.training.backward_macs == 8 * 16 + 2 * (16 * 12 + 12 * 4)


def test_the_inference_part_is_the_original(plain_tflite, model):
    original = read_graph(plain_tflite)
    again = inference_graph(model.graph, model.training, {})
    assert kinds(again) == kinds(original)
    assert [op.inputs for op in again.ops] == [op.inputs for op in original.ops]
    assert (again.inputs, again.outputs) == (original.inputs, original.outputs)
    for a, b in zip(again.tensors, original.tensors, strict=True):
        assert (a.name, a.shape, a.dtype, a.is_variable) == (b.name, b.shape, b.dtype, b.is_variable)
        np.testing.assert_array_equal(a.data, b.data)


def test_an_offline_memory_plan_is_dropped(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.metadata["OfflineMemoryAllocation"] = bytes(16)
    assert "OfflineMemoryAllocation" not in tp.convert(write_graph(graph), verify=False).graph.metadata


def test_the_same_model_converts_to_the_same_bytes(plain_tflite):
    assert tp.convert(plain_tflite).data == tp.convert(plain_tflite).data


# What is refused ------------------------------------------------------------------------------------

def test_unknown_layer_names_list_the_known_ones(plain_tflite):
    with pytest.raises(ModelError, match="'dense_9'.*dense_1, dense_2, dense_3"):
        tp.convert(plain_tflite, trainable_layers=["dense_9"])


@pytest.mark.parametrize("count", [0, 4, -1, True])
def test_a_wrong_number_of_layers(plain_tflite, count):
    with pytest.raises(ModelError, match="trainable_layers"):
        tp.convert(plain_tflite, trainable_layers=count)


def test_an_already_trainable_model(model):
    with pytest.raises(ModelError, match="already trainable"):
        tp.convert(model.data)


def test_an_unknown_loss_lists_the_known_ones(plain_tflite):
    with pytest.raises(ModelError, match="hinge.*sparse_categorical_crossentropy"):
        tp.convert(plain_tflite, loss="hinge")


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, 70000])
def test_a_wrong_batch_size(plain_tflite, batch_size):
    with pytest.raises(ConfigError, match="batch_size"):
        tp.convert(plain_tflite, batch_size=batch_size)


def test_a_batch_the_file_does_not_have(plain_tflite):
    with pytest.raises(ModelError, match="input.*batch_size=4"):
        tp.convert(plain_tflite, batch_size=4)


def test_what_is_no_model_at_all():
    with pytest.raises(ModelError, match="int"):
        tp.convert(42)


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(ModelError, match="missing.tflite"):
        tp.convert(tmp_path / "missing.tflite")


def insert_op(data: bytes, kind: str, after: int) -> bytes:
    """The model with an op of this kind behind the op at index `after`."""
    graph = read_graph(data)
    source = graph.ops[after].outputs[0]
    result = graph.add_tensor(Tensor(f"model/{kind.lower()}/output", graph.tensors[source].shape, FLOAT))
    for op in graph.ops[after + 1 :]:
        op.inputs = [result if t == source else t for t in op.inputs]
    graph.ops.insert(after + 1, Op(kind, [source], [result]))
    return write_graph(graph)


def test_an_op_without_a_gradient_names_what_can_be_trained_without_it(plain_tflite):
    data = insert_op(plain_tflite, "FLOOR", after=0)
    with pytest.raises(ModelError, match=r"FLOOR.*dense_2, dense_3 \(pass trainable_layers=2"):
        tp.convert(data)
    assert trained(tp.convert(data, trainable_layers=2)) == ["dense_2", "dense_3"]


def test_a_quantized_layer_is_refused_by_name(plain_tflite):
    graph = read_graph(plain_tflite)
    kernel = graph.tensors[graph.ops[1].inputs[1]]
    kernel.dtype, kernel.data = np.dtype(np.int8), kernel.data[: kernel.size]
    with pytest.raises(ModelError, match=r"'dense_2' \(FULLY_CONNECTED\).*int8.*dense_3 \(pass trainable_layers=1"):
        tp.convert(write_graph(graph), verify=False)


def test_weights_that_are_computed_are_refused():
    graph = read_graph(dense_classifier([4, 4, 4], softmax=False))
    kernel = graph.add_tensor(Tensor("computed", (4, 4), FLOAT))
    graph.ops.insert(0, Op("ABS", [graph.ops[0].inputs[1]], [kernel]))
    graph.ops[1].inputs[1] = kernel
    assert trained(tp.convert(write_graph(graph))) == ["dense_2"]


def test_dynamic_shapes_are_refused(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.tensors[graph.inputs[0]].raw.shapeSignature = [-1, -1]
    with pytest.raises(ModelError, match="dynamic shape.*fixed"):
        tp.convert(write_graph(graph))


def test_an_open_batch_of_one_is_fine(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.tensors[graph.inputs[0]].raw.shapeSignature = [-1, 8]
    assert tp.convert(write_graph(graph)).batch_size == 1


def test_several_outputs_are_refused(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.outputs.append(graph.ops[0].outputs[0])
    with pytest.raises(ModelError, match="2 outputs"):
        tp.convert(write_graph(graph))


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_a_softmax_with_another_temperature_is_refused(plain_tflite, beta):
    graph = read_graph(plain_tflite)
    graph.ops[-1].options.beta = beta
    with pytest.raises(ModelError, match=f"softmax with beta {beta}"):
        tp.convert(write_graph(graph))


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1)])
def test_a_cross_entropy_needs_classes(shape):
    graph = read_graph(dense_classifier([4, 1], softmax=False))
    result = graph.add_tensor(Tensor("reshaped", shape, FLOAT))
    target = graph.add_constant("shape", np.array(shape, np.int32))
    graph.ops.append(Op("RESHAPE", [graph.outputs[0], target], [result]))
    graph.outputs = [result]
    with pytest.raises(ModelError, match=r"output of shape \[batch, classes\]"):
        tp.convert(write_graph(graph))


def test_an_output_that_is_not_float32(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.tensors[graph.outputs[0]].dtype = np.dtype(np.int8)
    with pytest.raises(ModelError, match="is int8.*the loss needs float32 with batch 1"):
        tp.convert(write_graph(graph), loss="mse", verify=False)


def test_no_layer_at_all_is_no_choice(plain_tflite):
    with pytest.raises(ModelError, match="names nothing"):
        tp.convert(plain_tflite, trainable_layers=[])


def test_an_op_on_the_path_that_its_rule_refuses(plain_tflite):
    graph = read_graph(insert_op(plain_tflite, "ABS", after=0))
    graph.ops[1] = Op("ADD", graph.ops[1].inputs * 2, graph.ops[1].outputs, raw=builtin_options("AddOptions", fusedActivationFunction=4))
    with pytest.raises(ModelError, match=r"\(ADD\) lies between.*fused activation has no gradient.*trainable_layers=2"):
        tp.convert(write_graph(graph))


def test_a_plan_refuses_a_bias_of_two_layers():
    """convert() separates merged biases before; the plan does not rely on it."""
    graph = read_graph(dense_classifier([4, 4, 4], softmax=False))
    graph.ops[1].inputs[2] = graph.ops[0].inputs[2]
    with pytest.raises(ModelError, match=r"'dense_1'.*shares its bias .* \(FULLY_CONNECTED\), which is not another call"):
        make_plan(SourceModel(graph), trainable_layers="all", loss="mse", batch_size=1)
    separate_biases(graph)
    assert graph.ops[1].inputs[2] != graph.ops[0].inputs[2]
    make_plan(SourceModel(graph), trainable_layers="all", loss="mse", batch_size=1)


def test_calls_of_a_layer_share_a_bias_of_equal_values():
    graph = read_graph(dense_classifier([4, 4, 4, 4], softmax=False))
    first, second, other = (op.inputs for op in graph.ops)
    second[1] = first[1]
    for inputs in (second, other):
        graph.tensors[inputs[2]].set_array(graph.tensors[first[2]].array())
    separate_biases(graph)
    assert second[2] == first[2] != other[2]
    # With another bias it is another layer that happens to have the same kernel: the bias stays its own.
    graph.tensors[other[2]].set_array(1 + graph.tensors[first[2]].array())
    other[1] = first[1]
    separate_biases(graph)
    assert second[2] == first[2] != other[2]


ADVICE = re.compile(r"pass trainable_layers=(\d+)")


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("bad_layer", [None, 1, 2])
def test_the_advice_of_a_refusal_works(plain_tflite, after, bad_layer):
    """Whatever lies in the way, an op without gradient or a quantized layer: the number named can be trained."""
    graph = read_graph(insert_op(plain_tflite, "FLOOR", after))
    if bad_layer is not None:
        kernel = graph.tensors[[op for op in graph.ops if op.kind == "FULLY_CONNECTED"][bad_layer].inputs[1]]
        kernel.dtype, kernel.data = np.dtype(np.int8), kernel.data[: kernel.size]
    plan_for = functools.partial(make_plan, SourceModel(graph), loss="mse", batch_size=1)
    with pytest.raises(ModelError) as refusal:
        plan_for(trainable_layers="all")
    advice = ADVICE.search(str(refusal.value))
    if bad_layer == 2:
        assert advice is None and str(refusal.value).endswith("No layer of this model can be trained.")
        return
    count = int(advice[1])
    assert count == (2 if after == 0 and bad_layer is None else 1)
    assert len(plan_for(trainable_layers=count).layers) == count
    with pytest.raises(ModelError, match=f"pass trainable_layers={count} "):
        plan_for(trainable_layers=count + 1)


def test_costs_are_those_of_one_sample(model):
    batch = tp.convert(dense_classifier([8, 16, 12, 4], seed=1, batch_size=4), batch_size=4).training
    assert batch.forward_macs == model.training.forward_macs and batch.backward_macs == model.training.backward_macs
    assert batch.layers == model.training.layers


def test_a_mean_squared_error_can_be_taken_on_a_softmax(plain_tflite):
    assert options.SOFTMAX_GRAD in kinds(tp.convert(plain_tflite, loss="mse").graph)


def test_a_computed_bias_is_refused():
    graph = read_graph(dense_classifier([4, 4, 4], softmax=False))
    bias = graph.add_tensor(Tensor("computed", (4,), FLOAT))
    graph.ops.insert(1, Op("ABS", [graph.ops[0].inputs[2]], [bias]))
    graph.ops[2].inputs[2] = bias
    with pytest.raises(ModelError, match="'dense_2'.*bias are computed"):
        tp.convert(write_graph(graph))


def test_a_convolution_without_a_rule_for_its_groups():
    graph = read_graph(dense_classifier([4, 4], softmax=False))
    kernel = graph.add_constant("model/conv/kernel", np.zeros((4, 1, 1, 2), np.float32))
    image = graph.add_tensor(Tensor("image", (1, 1, 1, 4), FLOAT))
    result = graph.add_tensor(Tensor("model/conv/output", (1, 1, 1, 4), FLOAT))
    graph.inputs = [image]
    graph.ops.insert(0, Op("CONV_2D", [image, kernel], [result], raw=builtin_options("Conv2DOptions", strideH=1, strideW=1)))
    graph.ops[1].inputs[0] = result
    with pytest.raises(ModelError, match=r"'conv' \(CONV_2D\).*grouped.*dense_1 \(pass trainable_layers=1"):
        tp.convert(write_graph(graph), verify=False)
