"""Files whose parts contradict each other are refused when they are read, with the tensor or the op in the text."""

import flatbuffers
import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import HostError, ModelError, RefusedError
from tflm_tinyprop.format import shapes
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, schema, write_graph
from tflm_tinyprop.format.types import check_types
from tflm_tinyprop.host import arena
from tflm_tinyprop.models.tiny_models import dense_classifier

FLOAT, INT = np.dtype(np.float32), np.dtype(np.int32)


def damaged(data: bytes, change) -> bytes:
    """The file with a change to its schema object, which nothing checks."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    change(model)
    builder = flatbuffers.Builder(1 << 14)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor_of(model, name: str):
    return next(t for t in model.subgraphs[0].tensors if t.name == name.encode())


def set_shape(name: str, shape):
    return lambda m: setattr(tensor_of(m, name), "shape", list(shape))


def set_quantization(scale, zero_point):
    def change(model):
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scale, zero_point
        tensor_of(model, "input").quantization = quantization
    return change


def op_of(index: int, **fields):
    def change(model):
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[index], name, value)
    return change


def signature(index: int):
    def change(model):
        definition, entry = schema.SignatureDefT(), schema.TensorMapT()
        entry.name, entry.tensorIndex = "x", index
        definition.signatureKey, definition.inputs = "serving_default", [entry]
        model.signatureDefs = [definition]
    return change


@pytest.mark.parametrize(("change", "message"), [
    (set_shape("input", (-1, 8)), r"tensor 'input' has shape \(-1, 8\), which no arena holds"),
    (set_shape("input", (65536, 65536)), "which no arena holds"),
    (set_shape("input", (65536,) * 4), "which no arena holds"),  # a product that is 0 in 64 bits
    (set_shape("input", (1, 0)), "'input'.*is empty"),
    (set_shape("input", (1, 1, 1, 1, 1, 8)), "'input' has 6 dimensions, TFLM holds 5"),
    (set_shape("model/dense_1/output", (1, 15)), r"FULLY_CONNECTED \('model/dense_1/output'\).*computes 1 rows of 16"),
    (set_shape("model/softmax", (4,)), r"SOFTMAX \('model/softmax'\) has an output 0 of shape \(4,\)"),
    (set_quantization([0.0], [0]), "scales that are not positive"),
    (set_quantization([float("nan")], [0]), "scales that are not positive"),
    (set_quantization([1.0], [0, 0]), "not as many zero points"),
    (set_quantization([1.0, 1.0, 1.0], [0, 0, 0]), "3 scales"),
    (signature(1000), "a signature refers to tensor 1000"),
    (op_of(0, intermediates=[1000]), "FULLY_CONNECTED refers to tensor 1000"),
    (op_of(0, largeCustomOptionsOffset=64), "options outside the flatbuffer"),
    (op_of(1, outputs=[0]), "writes tensor 'input'"),
    (op_of(0, inputs=[0]), "has 1 inputs"),
    (op_of(0, inputs=[-1, 1, 2]), "lacks its input 0"),
    (op_of(0, outputs=[]), "which nothing writes"),
    (lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "fusedActivationFunction", 77), "unknown activation, 77"),
    (lambda m: setattr(m.subgraphs[0], "inputs", []), "has no inputs"),
    (lambda m: setattr(m.subgraphs[0], "outputs", []), "has no outputs"),
    (lambda m: setattr(m.subgraphs[0], "inputs", [0, 0]), "lists a graph input twice"),
    (lambda m: setattr(m.subgraphs[0], "inputs", [0, 1]), "graph input 'model/dense_1/kernel' is a constant"),
    (lambda m: m.subgraphs.append(m.subgraphs[0]), "has 2 subgraphs"),
    (lambda m: setattr(m.operatorCodes[0], "builtinCode", 1000), "builtin op of number 1000"),
    (lambda m: vars(m.operatorCodes[0]).update(builtinCode=3, deprecatedBuiltinCode=3),  # CONV_2D
     "CONV_2D has builtin options FullyConnectedOptions"),
])
def test_what_contradicts_itself_is_refused_on_reading(plain_tflite, change, message):
    with pytest.raises(ModelError, match=message) as caught:
        read_graph(damaged(plain_tflite, change), "a.tflite")
    assert str(caught.value).startswith("a.tflite")


def test_options_that_a_file_leaves_out_have_their_defaults(plain_tflite):
    def leave_out(model):
        model.subgraphs[0].operators[-1].builtinOptions = None
        model.subgraphs[0].operators[-1].builtinOptionsType = 0
    assert read_graph(damaged(plain_tflite, leave_out)).ops[-1].options.beta == 0


def one_op(kind: str, inputs, outputs, name: str | None = None, **fields) -> Graph:
    """A graph of one op. inputs: shapes of what it reads, arrays for constants, None for what is left out."""
    graph = Graph([], [], [], [])
    operands = []
    for number, value in enumerate(inputs):
        if value is None:
            operands.append(-1)
        elif isinstance(value, np.ndarray):
            operands.append(graph.add_constant(f"constant {number}", value))
        else:
            operands.append(graph.add_tensor(Tensor(f"input {number}", value, FLOAT)))
            graph.inputs.append(operands[-1])
    graph.outputs = [graph.add_tensor(Tensor(f"output {n}", shape, FLOAT)) for n, shape in enumerate(outputs)]
    graph.ops = [Op(kind, operands, list(graph.outputs), raw=builtin_options(name, **fields) if name else None)]
    return graph


def ints(*values) -> np.ndarray:
    return np.array(values, np.int32)


def zeros(*shape) -> np.ndarray:
    return np.zeros(shape, np.float32)


CONV = {"name": "Conv2DOptions", "strideH": 2, "strideW": 1, "padding": 0}
DEPTHWISE = {"name": "DepthwiseConv2DOptions", "strideH": 1, "strideW": 1, "padding": 1, "depthMultiplier": 2}
POOL = {"name": "Pool2DOptions", "filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, "padding": 1}
LSTM = ((1, 5, 3), *[zeros(4, 3)] * 4, *[zeros(4, 4)] * 4, None, None, None, *[zeros(4)] * 4, None, None, (1, 4), (1, 4), *[None] * 4)
# kind, inputs, outputs, options; then changes that do not fit: {position of an input: value}, outputs, options.
CASES = {
    "FULLY_CONNECTED": (((2, 3, 4), zeros(5, 4), zeros(5)), [(2, 3, 5)], {"name": "FullyConnectedOptions"}, [
        ({0: (2, 3, 5)}, None, {}), ({1: zeros(5, 4, 1)}, None, {}), ({2: zeros(4)}, None, {}), ({}, [(2, 3, 4)], {})]),
    "CONV_2D": (((1, 5, 5, 4), zeros(6, 3, 3, 2), zeros(6)), [(1, 3, 5, 6)], CONV, [
        ({0: (1, 5, 5, 3)}, None, {}), ({1: zeros(6, 3, 3)}, None, {}), ({2: zeros(5)}, None, {}), ({}, [(1, 2, 5, 6)], {}),
        ({}, None, {"strideH": 0}), ({}, None, {"strideW": -1}), ({}, None, {"dilationHFactor": 0}), ({}, None, {"padding": 7}),
        ({}, None, {"strideW": 65536}), ({1: zeros(6, 7, 3, 2)}, [(1, 3, 5, 6)], {"padding": 1})]),
    "DEPTHWISE_CONV_2D": (((1, 5, 5, 2), zeros(1, 3, 3, 4), None), [(1, 3, 3, 4)], DEPTHWISE, [
        ({}, None, {"depthMultiplier": 0}), ({}, None, {"depthMultiplier": 1}), ({1: zeros(2, 3, 3, 4)}, None, {}),
        ({0: (1, 5, 5, 3)}, None, {}), ({}, [(1, 3, 4, 4)], {})]),
    "TRANSPOSE_CONV": ((ints(1, 4, 4, 3), zeros(3, 2, 2, 5), (1, 2, 2, 5)), [(1, 4, 4, 3)],
                       {"name": "TransposeConvOptions", "strideH": 2, "strideW": 2, "padding": 0}, [
        ({0: ints(1, 4, 4)}, None, {}), ({1: zeros(3, 2, 2, 4)}, None, {}), ({2: (1, 3, 2, 5)}, None, {}),
        ({}, [(1, 4, 4, 2)], {}), ({}, None, {"strideH": 0})]),
    "MAX_POOL_2D": (((1, 4, 4, 3),), [(1, 2, 2, 3)], POOL, [
        ({}, None, {"filterHeight": 0}), ({}, None, {"filterWidth": 5}), ({}, None, {"strideW": 0}), ({}, [(1, 2, 2, 2)], {}),
        ({0: (4, 4, 3)}, None, {})]),
    "ADD": (((1, 4, 3), (3,)), [(1, 4, 3)], {"name": "AddOptions"}, [
        ({1: (2,)}, None, {}), ({}, [(4, 3)], {}), ({0: (1, 1, 1, 4, 3)}, [(1, 1, 1, 4, 3)], {})]),
    "RELU": (((2, 3),), [(2, 3)], {}, [({}, [(2, 4)], {})]),
    "PRELU": (((2, 3), zeros(3)), [(2, 3)], {}, [({1: zeros(2, 2, 3)}, [(2, 2, 3)], {})]),
    "MEAN": (((2, 3, 4), ints(1, -1)), [(2,)], {"name": "ReducerOptions"}, [
        ({1: ints(3)}, None, {}), ({1: ints(-4)}, None, {}), ({}, [(3,)], {}), ({}, None, {"keepDims": True}), ({1: (1,)}, None, {})]),
    "RESHAPE": (((2, 6), ints(3, 4)), [(3, 4)], {"name": "ReshapeOptions"}, [({}, [(3, 5)], {})]),
    "EXPAND_DIMS": (((2, 6), ints(-1)), [(2, 6, 1)], {}, [({1: ints(3)}, None, {}), ({}, [(2, 1, 6)], {})]),
    "PAD": (((2, 3), ints(1, 0, 0, 2)), [(3, 5)], {}, [
        ({1: ints(1, 0)}, None, {}), ({1: ints(-1, 0, 0, 2)}, None, {}), ({}, [(3, 4)], {}), ({1: (4,)}, None, {})]),
    "CONCATENATION": (((2, 3), (2, 1)), [(2, 4)], {"name": "ConcatenationOptions", "axis": -1}, [
        ({}, None, {"axis": 2}), ({}, None, {"axis": 0}), ({}, [(2, 5)], {}), ({1: (2, 1, 1)}, None, {})]),
    "SLICE": (((4, 5), ints(1, 2), ints(-1, 2)), [(3, 2)], {}, [
        ({1: ints(1, 4)}, None, {}), ({1: ints(-1, 2)}, None, {}), ({2: ints(1)}, None, {}), ({2: ints(-2, 2)}, None, {}),
        ({}, [(3, 3)], {}), ({1: (2,)}, None, {})]),
    "STRIDED_SLICE": (((4, 5), ints(0, 1), ints(4, 5), ints(2, 1)), [(2, 4)], {"name": "StridedSliceOptions"}, [
        ({3: ints(0, 1)}, None, {}), ({1: ints(0)}, None, {}), ({}, None, {"shrinkAxisMask": 1}), ({}, None, {"ellipsisMask": 1}),
        ({}, [(2, 3)], {}), ({}, None, {"beginMask": 2})]),
    "SPLIT": ((ints(1), (2, 6)), [(2, 3), (2, 3)], {"name": "SplitOptions", "numSplits": 2}, [
        ({0: ints(2)}, None, {}), ({}, None, {"numSplits": 3}), ({}, [(2, 3), (2, 4)], {}), ({1: (2, 5)}, None, {})]),
    "SPLIT_V": (((2, 6), ints(1, -1, 2), ints(1)), [(2, 1), (2, 3), (2, 2)], {"name": "SplitVOptions", "numSplits": 3}, [
        ({2: ints(2)}, None, {}), ({2: (1,)}, None, {}), ({1: ints(1, -1, -1)}, None, {}), ({1: ints(1, 4, 2)}, None, {}),
        ({1: ints(1, -1, 5)}, None, {}), ({}, [(2, 1), (2, 2), (2, 3)], {}), ({}, None, {"numSplits": 2}),
        ({1: (3,)}, [(2, 1), (2, 3), (2, 3)], {}), ({1: (3,)}, [(2, 1), (2, 3), (3, 2)], {})]),
    "BROADCAST_TO": (((3, 1), ints(2, 3, 4)), [(2, 3, 4)], {}, [
        ({1: ints(2, 2, 4)}, None, {}), ({1: ints(4)}, None, {}), ({1: (3,)}, None, {}), ({}, [(2, 3, 1)], {})]),
    "TILE": (((3, 2), ints(1, 4)), [(3, 8)], {}, [
        ({1: ints(4)}, None, {}), ({1: ints(0, 4)}, None, {}), ({}, [(3, 6)], {})]),
    "FILL": ((ints(2, 3), (1,)), [(2, 3)], {}, [({1: (2,)}, None, {}), ({}, [(3, 2)], {})]),
    "SELECT": (((3, 2), (3, 2), (3, 2)), [(3, 2)], {}, [
        ({2: (3, 1)}, None, {}), ({0: (2,)}, None, {}), ({}, [(3, 3)], {})]),
    "SELECT_V2": (((3, 1), (1, 2), (2,)), [(3, 2)], {}, [
        ({0: (2, 1), 1: (3, 2)}, None, {}), ({2: (3,)}, None, {}), ({}, [(3, 1)], {})]),
    "REVERSE_V2": (((2, 3), ints(0, -1)), [(2, 3)], {}, [
        ({1: ints(2)}, None, {}), ({1: ints(1, -1)}, None, {}), ({}, [(3, 2)], {})]),
    "BATCH_MATMUL": (((2, 3, 4), (1, 5, 4)), [(2, 3, 5)], {"name": "BatchMatMulOptions", "adjY": True}, [
        ({1: (1, 4, 5)}, None, {}), ({}, None, {"adjX": True}), ({0: (4,)}, None, {}), ({1: (3, 5, 4)}, None, {}),
        ({}, [(2, 5, 3)], {})]),
    "PACK": (((2, 3), (2, 3)), [(2, 2, 3)], {"name": "PackOptions", "valuesCount": 2, "axis": 1}, [
        ({}, None, {"axis": 3}), ({}, None, {"valuesCount": 3}), ({1: (2, 2)}, None, {}), ({}, [(2, 3, 2)], {})]),
    "UNPACK": (((2, 3),), [(3,), (3,)], {"name": "UnpackOptions", "num": 2, "axis": 0}, [
        ({}, None, {"axis": 1}), ({}, None, {"num": 3}), ({}, [(3,), (2,)], {})]),
    "TRANSPOSE": (((2, 3, 4), ints(2, 0, 1)), [(4, 2, 3)], {}, [
        ({1: ints(2, 0, 0)}, None, {}), ({1: ints(1, 0)}, None, {}), ({}, [(2, 3, 4)], {}), ({1: ints(3, 0, 1)}, None, {})]),
    "GATHER": (((5, 3), ints(4, 0)), [(2, 3)], {"name": "GatherOptions"}, [
        ({1: ints(5, 0)}, None, {}), ({1: ints(-1, 0)}, None, {}), ({}, None, {"axis": 2}), ({}, [(3, 3)], {}), ({}, None, {"batchDims": 1})]),
    "SVDF": (((1, 6), zeros(4, 6), zeros(4, 3), zeros(2), (1, 12)), [(1, 2)], {"name": "SVDFOptions", "rank": 2}, [
        ({}, None, {"rank": 0}), ({}, None, {"rank": 3}), ({1: zeros(4, 5)}, None, {}), ({2: zeros(3, 3)}, None, {}),
        ({3: zeros(4)}, None, {}), ({4: (1, 8)}, None, {}), ({}, [(1, 4)], {})]),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (LSTM, [(1, 5, 4)], {"name": "UnidirectionalSequenceLSTMOptions"}, [
        ({2: zeros(4, 2)}, None, {}), ({6: zeros(4, 3)}, None, {}), ({13: zeros(3)}, None, {}), ({18: (2, 4)}, None, {}),
        ({19: (1, 3)}, None, {}), ({9: zeros(4)}, None, {}), ({17: zeros(4)}, None, {}), ({}, [(1, 5, 3)], {}), ({0: (5, 3)}, None, {}),
        ({}, None, {"timeMajor": True})]),
    "SHAPE": (((2, 3),), [(2,)], {}, [({}, [(3,)], {})]),
    "RESIZE_NEAREST_NEIGHBOR": (((1, 2, 3, 4), ints(4, 6)), [(1, 4, 6, 4)], {}, [
        ({1: ints(4)}, None, {}), ({}, [(1, 4, 6, 3)], {}), ({0: (2, 3, 4)}, None, {})]),
    "ARG_MAX": (((2, 3), ints(1)), [(2,)], {}, [({1: ints(2)}, None, {}), ({}, [(3,)], {})]),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_tensors_of_an_op_have_to_fit_each_other(kind):
    inputs, outputs, options, misfits = CASES[kind]
    read_graph(write_graph(one_op(kind, inputs, outputs, **options)))
    for changed, other_outputs, other_options in misfits:
        values = [changed.get(position, value) for position, value in enumerate(inputs)]
        data = write_graph(one_op(kind, values, other_outputs or outputs, **{**options, **other_options}))
        with pytest.raises(ModelError, match=rf"op {kind} \('output 0'\).*(the file is damaged|TFLM has no such kernel)"):
            read_graph(data)


def test_every_kind_with_a_rule_of_its_own_has_a_case():
    rules = {entry[0] for kind, entry in shapes._RULES.items() if kind in CASES}
    assert rules | {shapes._same_shape, shapes._same_size} == {entry[0] for entry in shapes._RULES.values()}


@pytest.mark.parametrize(("inputs", "message"), [
    (((1, 4), np.zeros((5, 4), np.int8), zeros(5)), "'constant 1' has type int8 for an input of float32.*export the model in float32"),
    (((1, 4), zeros(5, 4), ints(*range(5))), "'constant 2' has type int32 for an input of float32"),
])
def test_types_that_a_kernel_would_misread_are_refused_before_tflm_sees_them(inputs, message):
    graph = one_op("FULLY_CONNECTED", inputs, [(1, 5)], name="FullyConnectedOptions")
    with pytest.raises(ModelError, match=message):
        check_types(graph)


def test_indices_of_another_type_are_refused():
    graph = one_op("TRANSPOSE", ((2, 3), np.array([1, 0], np.int64)), [(3, 2)])
    with pytest.raises(ModelError, match="TRANSPOSE: tensor 'constant 1' must be int32"):
        check_types(graph)
    graph = one_op("ADD", ((2, 3), zeros(2, 3)), [(2, 3)], name="AddOptions")
    graph.tensors[0].dtype = INT
    with pytest.raises(ModelError, match="ADD: tensor 'constant 1' has type float32, the others have int32"):
        check_types(graph)


def test_a_comparison_that_writes_no_bool_is_refused():
    with pytest.raises(ModelError, match="LESS: tensor 'output 0' must be bool, but has type float32"):
        check_types(one_op("LESS", ((2, 3), zeros(2, 3)), [(2, 3)], name="LessOptions"))


def test_what_tflm_refuses_is_a_model_error_with_its_words(model):
    graph = read_graph(model.data)
    graph.ops[0].inputs[1] = -1  # a model input of TinyPropInitialize
    with pytest.raises(ModelError, match="TinyPropInitialize: model input is missing") as caught:
        tp.Trainer(tp.TrainableModel(write_graph(graph)))
    assert isinstance(caught.value, RefusedError) and isinstance(caught.value, HostError)


def test_an_arena_beyond_what_tflm_addresses_is_refused():
    graph = read_graph(dense_classifier([4, 4]))
    graph.add_tensor(Tensor("large", (2**28,), FLOAT))
    with pytest.raises(ModelError, match="addresses at most 2,147,483,647"):
        arena.sufficient_bytes(graph)
