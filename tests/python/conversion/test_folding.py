"""What is known before the first sample is computed by the converter, and leaves no trace in the file."""

import re

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.folding import FOLDS, fold_constants
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, schema

FLOAT, HALF, INT8, INT32 = (np.dtype(t) for t in (np.float32, np.float16, np.int8, np.int32))


def graph_of(kind, inputs, expected, raw=None):
    """A graph of one op whose output a RESHAPE reads as its shape, so that it is used."""
    graph = Graph([], [], [], [])
    x = graph.add_tensor(Tensor("x", (2, 3, 5), FLOAT))
    y = graph.add_tensor(Tensor("y", (30,), FLOAT))
    graph.inputs, graph.outputs = [x], [y]
    tensors = [x if values is None else graph.add_constant(f"in{i}", np.asarray(values)) for i, values in enumerate(inputs)]
    expected = np.asarray(expected)
    output = graph.add_tensor(Tensor("out", expected.shape, expected.dtype))
    graph.ops = [Op(kind, tensors, [output], raw=raw), Op("RESHAPE", [x, output], [y])]
    return graph


def ints(*values):
    return np.array(values, np.int32)


STRIDED = {"beginMask": 0, "endMask": 0, "ellipsisMask": 0, "newAxisMask": 0, "shrinkAxisMask": 0}
MATRIX = np.arange(6, dtype=np.int32).reshape(2, 3)
EXAMPLES = [
    ("SHAPE", [None], ints(2, 3, 5), None),
    ("STRIDED_SLICE", [ints(7, 8, 9), ints(0), ints(1), ints(1)], np.int32(7),
     builtin_options("StridedSliceOptions", **{**STRIDED, "shrinkAxisMask": 1})),
    ("STRIDED_SLICE", [ints(7, 8, 9), ints(-1), ints(0), ints(1)], np.int32(9),
     builtin_options("StridedSliceOptions", **{**STRIDED, "shrinkAxisMask": 1})),
    ("STRIDED_SLICE", [ints(7, 8, 9), ints(2), ints(0), ints(-2)], ints(9, 7),
     builtin_options("StridedSliceOptions", **{**STRIDED, "endMask": 1})),
    ("STRIDED_SLICE", [ints(7, 8, 9), ints(1), ints(2), ints(1)], ints(7, 8),
     builtin_options("StridedSliceOptions", **{**STRIDED, "beginMask": 1})),
    ("STRIDED_SLICE", [MATRIX, ints(0, 1), ints(2, 3), ints(1, 1)], MATRIX[:, 1:], builtin_options("StridedSliceOptions", **STRIDED)),
    ("SLICE", [MATRIX, ints(1, 0), ints(1, -1)], MATRIX[1:], builtin_options("SliceOptions")),
    ("PACK", [np.int32(4), np.int32(6)], ints(4, 6), builtin_options("PackOptions", axis=0, valuesCount=2)),
    ("CONCATENATION", [ints(1, 2), ints(3)], ints(1, 2, 3), builtin_options("ConcatenationOptions", axis=0)),
    ("GATHER", [ints(5, 6, 7), ints(2, 0)], ints(7, 5), builtin_options("GatherOptions", axis=0)),
    ("REDUCE_PROD", [ints(2, 3, 4), ints(0)], np.int32(24), builtin_options("ReducerOptions", keepDims=False)),
    ("REDUCE_PROD", [MATRIX + 1, ints(1)], np.array([[6], [120]], np.int32), builtin_options("ReducerOptions", keepDims=True)),
    ("RESHAPE", [MATRIX, ints(6)], ints(0, 1, 2, 3, 4, 5), None),
    ("SQUEEZE", [MATRIX[None]], MATRIX, None),
    ("EXPAND_DIMS", [MATRIX, np.int32(0)], MATRIX[None], None),
    ("TRANSPOSE", [MATRIX, ints(1, 0)], MATRIX.T.copy(), None),
    ("FILL", [ints(2, 2), np.float32(0.5)], np.full((2, 2), 0.5, np.float32), None),
    ("BROADCAST_TO", [ints(1, 2), ints(2, 2)], np.array([[1, 2], [1, 2]], np.int32), None),
    ("DEQUANTIZE", [np.array([0.5, -3], np.float16)], np.array([0.5, -3], np.float32), None),
    ("CAST", [ints(1, 0)], np.array([1, 0], np.float32), None),
    ("ADD", [ints(1, 2), np.int32(3)], ints(4, 5), builtin_options("AddOptions")),
    ("SUB", [ints(1, 2), np.int32(3)], ints(-2, -1), builtin_options("SubOptions")),
    ("MUL", [ints(1, 2), np.int32(3)], ints(3, 6), builtin_options("MulOptions")),
    ("DIV", [ints(-7, 7), np.int32(2)], ints(-3, 3), builtin_options("DivOptions")),
    ("MAXIMUM", [ints(1, 5), np.int32(3)], ints(3, 5), None),
    ("MINIMUM", [ints(1, 5), np.int32(3)], ints(1, 3), None),
]


def test_every_fold_has_an_example():
    assert {kind for kind, *_ in EXAMPLES} == set(FOLDS)


@pytest.mark.parametrize("kind, inputs, expected, raw", EXAMPLES, ids=[f"{e[0]}-{i}" for i, e in enumerate(EXAMPLES)])
def test_a_known_output_becomes_a_constant(kind, inputs, expected, raw):
    graph = graph_of(kind, inputs, expected, raw)
    fold_constants(graph)
    assert [op.kind for op in graph.ops] == ["RESHAPE"]
    assert [t.name for t in graph.tensors] == ["x", "y", "out"]  # its inputs are gone
    folded = graph.tensors[graph.ops[0].inputs[1]]
    assert folded.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(folded.array(), expected)


def stays(kind, inputs, expected, raw=None, change=lambda graph: None):
    graph = graph_of(kind, inputs, expected, raw)
    change(graph)
    before = len(graph.tensors)
    fold_constants(graph)
    return [op.kind for op in graph.ops] == [kind, "RESHAPE"] and len(graph.tensors) == before


def quantize(graph):
    for tensor in graph.tensors:
        if tensor.name.startswith("in"):
            tensor.raw = schema.TensorT()
            tensor.raw.quantization = schema.QuantizationParametersT()
            tensor.raw.quantization.scale, tensor.raw.quantization.zeroPoint = np.array([0.5], np.float32), np.array([1])


def make_output(graph):
    graph.outputs.append(graph.ops[0].outputs[0])


def test_what_is_left_to_tflm():
    add = builtin_options("AddOptions")
    assert stays("FLOOR", [np.float32([1])], np.float32([1]))  # no fold
    assert stays("CAST", [None], np.zeros((2, 3, 5), np.int32))  # depends on the input
    assert stays("ADD", [ints(1), ints(2)], ints(3, 4), add)  # another shape than the file states
    assert stays("ADD", [ints(1, 2), ints(1, 2, 3)], ints(3, 4), add)  # shapes that do not fit
    assert stays("ADD", [np.float32([1]), np.float32([2])], np.float32([3]), add)
    assert stays("ADD", [ints(1), ints(2)], ints(3), builtin_options("AddOptions", fusedActivationFunction=1))
    assert stays("DIV", [ints(1), ints(0)], ints(3), builtin_options("DivOptions"))
    assert stays("ADD", [ints(1), ints(2)], ints(3), add, quantize)
    assert stays("ADD", [ints(1), ints(2)], ints(3), add, make_output)
    assert stays("GATHER", [ints(1), ints(9)], ints(1), builtin_options("GatherOptions", axis=0))
    assert stays("FILL", [ints(8192), np.float32(1)], np.ones(8192, np.float32))  # would cost flash
    assert stays("STRIDED_SLICE", [ints(7), ints(0), ints(1), ints(1)], ints(7),
                 builtin_options("StridedSliceOptions", **{**STRIDED, "ellipsisMask": 1}))
    assert stays("CONCATENATION", [ints(1), ints(2)], ints(1, 2),
                 builtin_options("ConcatenationOptions", axis=0, fusedActivationFunction=1))


def test_integers_are_dequantized_with_their_scale():
    values = np.array([[-1, 2, 3], [4, 5, -128]], np.int8)
    expected = (values - np.array([0, 0, 10])) * np.array([0.5, 0.25, 2.0])
    graph = graph_of("DEQUANTIZE", [values], expected.astype(np.float32))
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.array([0.5, 0.25, 2], np.float32), np.array([0, 0, 10])
    quantization.quantizedDimension = 1
    tensor = graph.tensors[graph.ops[0].inputs[0]]
    tensor.raw = schema.TensorT()
    tensor.raw.quantization = quantization
    fold_constants(graph)
    np.testing.assert_array_equal(graph.tensors[graph.ops[0].inputs[1]].array(), expected)


def test_integers_without_a_scale_stay():
    assert stays("DEQUANTIZE", [np.array([1], np.int8)], np.float32([1]))


# Whole models ------------------------------------------------------------------------------------------------

def exported(model, **settings) -> bytes:
    import tensorflow as tf

    from tflm_tinyprop.native_output import captured_output

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in settings.items():
        setattr(converter, name, value)
    with captured_output([]):
        return converter.convert()


@pytest.fixture(scope="module")
def with_flatten():
    """A plain CNN, exported as everybody does it: with an open batch."""
    import keras

    keras.utils.set_random_seed(7)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(3, 3, activation="relu", name="conv"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(4, activation="softmax", name="head"),
    ])


def test_a_flatten_of_the_ordinary_converter_does_not_end_the_training(with_flatten):
    data = exported(with_flatten)
    assert "SHAPE" in [op.kind for op in read_graph(data).ops]
    model = tp.convert(data, config=tp.TinyPropConfig.full())
    assert [re.sub(r"_\d+$", "", layer.name) for layer in model.training.layers] == ["conv", "head"]
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & {op.kind for op in model.graph.ops}
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(tp.Trainer(model).predict(x), with_flatten(x), rtol=1e-5, atol=1e-6)


def test_float16_weights_are_trained_as_float32(with_flatten):
    import tensorflow as tf

    data = exported(with_flatten, optimizations=[tf.lite.Optimize.DEFAULT], target_spec=tf.lite.TargetSpec(
        supported_types=[tf.float16], supported_ops={tf.lite.OpsSet.TFLITE_BUILTINS}))
    assert HALF in [t.dtype for t in read_graph(data).tensors]
    model = tp.convert(data, config=tp.TinyPropConfig.full())
    assert HALF not in [t.dtype for t in model.graph.tensors]
    kernel = with_flatten.get_layer("head").get_weights()[0]
    found = next(v for record, v in zip(model.training.variables, model.initial_values(), strict=True)
                 if record.layer == 2 and v.ndim == 2)
    np.testing.assert_array_equal(found, kernel.T.astype(np.float16).astype(np.float32))
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(tp.Trainer(model).predict(x), with_flatten(x), rtol=1e-2, atol=1e-3)
    before = tp.Trainer(model)
    before.train_on_batch(x[:1], np.array([1]), learning_rate=0.1)
    assert all(np.any(a != b) for a, b in zip(before.get_weights(), model.initial_values()[:4], strict=False))
