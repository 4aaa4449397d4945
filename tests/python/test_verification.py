"""convert() proves what it returns: a model that computes something else is refused, and the layer is named."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop import verification
from tflm_tinyprop.conversion.pipeline import read_source
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import Op, Tensor, builtin_options, read_graph, schema, write_graph
from tflm_tinyprop.native_output import captured_output
from tflm_tinyprop.trainable_model import make_trainable
from tflm_tinyprop.verification import Reference, difference


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture(scope="module")
def network(keras):
    keras.utils.set_random_seed(5)
    layers = keras.layers
    inside = keras.Sequential([keras.Input((5,)), layers.Dense(4, activation="tanh", name="inner")], name="nested")
    return keras.Sequential([
        keras.Input((6,)), layers.Dense(5, activation="relu", name="first"), inside,
        layers.Dense(4, name="third"), layers.Dense(3, activation="softmax", name="last"),
    ], name="network")


def scaled(graph, name, factor):
    """Changes the kernel of a layer."""
    kernel = next(t for t in graph.tensors if t.is_constant and name in t.name and len(t.shape) == 2)
    kernel.set_array(kernel.array() * np.float32(factor))


@pytest.mark.parametrize("layer", ["first", "inner", "third", "last"])
def test_a_wrong_import_is_refused_naming_the_first_layer(network, layer):
    source = read_source(network)
    Reference(source)
    scaled(source.graph, layer, 1.01)
    with pytest.raises(ModelError, match=f"network: the graph.*does not compute.*first layer that differs is '{layer}'"):
        Reference(source)


@pytest.mark.parametrize("layer", ["first", "inner", "third", "last"])
@pytest.mark.parametrize("from_keras", [True, False], ids=["keras", "tflite"])
def test_a_wrong_graph_pass_is_refused_naming_the_first_layer(network, layer, from_keras):
    source = read_source(network if from_keras else write_graph(read_source(network).graph))
    reference = Reference(source)
    model = make_trainable(source, loss="sparse_categorical_crossentropy")
    reference.check(model)
    scaled(model.graph, layer, 1.01)
    with pytest.raises(ModelError, match=f"the trainable model does not compute.*first layer that differs is '{layer}'"):
        reference.check(model)


def test_convert_verifies_unless_told_not_to(network, monkeypatch):
    def wrong(*arguments):
        source = read_source(*arguments)
        scaled(source.graph, "third", 1.01)
        return source

    monkeypatch.setattr("tflm_tinyprop.trainable_model.pipeline.read_source", wrong)
    with pytest.raises(ModelError, match="'third'.*verify=False"):
        tp.convert(network)
    tp.convert(network, verify=False)


def test_the_number_of_outputs_counts(network):
    source = read_source(network)
    source.graph.outputs.append(source.graph.ops[0].outputs[0])
    with pytest.raises(ModelError, match="has 2 outputs instead of 1"):
        Reference(source)


def test_rounding_that_the_model_amplifies_is_not_a_difference(keras):
    """(x + 1000) - 1000 with weights: what is left of x has an absolute error of an ulp of 1000."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="far"), keras.layers.Dense(2, name="near")])
    generator = np.random.default_rng(2)
    kernel = generator.normal(size=(4, 3)) * 1e-3
    model.set_weights([kernel, np.full(3, 1e4), np.full((3, 2), [[1.0], [1.0], [-2.0]]), np.zeros(2)])
    tp.convert(model, loss="mse")


def test_a_function_that_tflite_takes_apart_may_overflow_at_large_values(keras):
    """softplus becomes EXP, ADD, LOG, which is infinite from 89 on; Keras' is not."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, name="a"), keras.layers.Activation("softplus"),
                              keras.layers.Dense(2, name="b")])
    tp.convert(model, loss="mse", trainable_layers=1)


def test_keras_layers_are_as_they_were(network):
    calls = [layer.call for layer in network.layers]
    source = read_source(network)
    scaled(source.graph, "last", 2)
    with pytest.raises(ModelError):
        Reference(source)
    assert [layer.call for layer in network.layers] == calls
    assert not any("call" in vars(layer) for layer in network.layers)


def test_several_inputs_whole_numbers_among_them(keras):
    numbers, words = keras.Input((3,), name="numbers"), keras.Input((2,), dtype="int32", name="words")
    joined = keras.layers.Concatenate()([numbers, keras.layers.Rescaling(0.5)(words)])
    model = keras.Model([numbers, words], keras.layers.Dense(2, name="only")(joined))
    source = read_source(model)
    assert [source.graph.tensors[t].dtype for t in source.graph.inputs] == [np.float32, np.int32]
    Reference(source)
    scaled(source.graph, "only", 1.01)
    with pytest.raises(ModelError, match="'only'"):
        Reference(source)


def test_differences_are_relative_to_the_largest_element():
    assert difference(np.float32([1, 2]), np.float32([1, 2])) == 0
    assert difference(np.float32([1.1, 200]), np.float32([1, 200])) == pytest.approx(0.1 / 200, rel=1e-4)
    assert difference(np.zeros(2), np.zeros(2)) == 0 and difference(np.ones(2), np.zeros(2)) > 1
    assert difference(np.float32([np.nan, 1]), np.float32([np.nan, 1])) == 0
    assert difference(np.float32([np.inf, 1]), np.float32([np.inf, 1])) == 0
    assert difference(np.float32([0, 1]), np.float32([np.nan, 1])) == np.inf
    assert difference(np.float32([np.nan, 1]), np.float32([0, 1])) == np.inf
    assert difference(np.full(2, np.nan), np.full(2, np.nan)) == 0
    assert difference(np.zeros(3), np.zeros(2)) == np.inf


# What TFLM cannot run ------------------------------------------------------------------------------------------

def lite(model, **settings) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in settings.items():
        setattr(converter, name, value)
    with captured_output([]):
        return converter.convert()


def test_hybrid_weights(keras):
    import tensorflow as tf

    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, name="wide"), keras.layers.Dense(3, name="head")])
    data = lite(model, optimizations=[tf.lite.Optimize.DEFAULT])
    with pytest.raises(ModelError, match=r"TFLM cannot run 'wide_?\d*' \(FULLY_CONNECTED\).*dynamic range.*export the model again"):
        tp.convert(data)


def test_an_op_that_tflm_does_not_have(keras):
    model = keras.Sequential([
        keras.Input((6,)), keras.layers.Dense(4, activation="gelu", name="middle"), keras.layers.Dense(3, activation="softmax"),
    ])
    with pytest.raises(ModelError, match=r"middle.*\(GELU\): TFLM has no such op; use another activation"):
        tp.convert(model, trainable_layers=1)


def test_a_type_that_an_op_does_not_take(keras):
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255.0)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))
    with pytest.raises(ModelError, match=r"\(CAST\).*uint8; give the model a float32 input"):
        tp.convert(model)


def test_an_op_with_inputs_that_tflm_refuses(plain_tflite):
    graph = read_graph(plain_tflite)
    softmax = graph.ops[-1]
    words = graph.add_tensor(Tensor("model/words", (1, 4), np.dtype(np.int16)))
    graph.ops[-1] = Op("CAST", softmax.inputs, [words], raw=builtin_options("CastOptions"))
    graph.ops.append(Op("SOFTMAX", [words], softmax.outputs, raw=softmax.raw))
    with pytest.raises(ModelError, match=r"TFLM cannot run 'model/softmax' \(SOFTMAX\): it does not take.*\(int16, float32\)"):
        tp.convert(write_graph(graph), trainable_layers=1)


def test_a_message_without_a_node_is_passed_on(plain_tflite):
    graph = read_graph(plain_tflite)
    assert "no node here" in verification.explain(graph, "no node here", {})


def test_a_custom_op_of_somebody_else(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.ops[2].kind, graph.ops[2].is_custom, graph.ops[2].raw = "XC_conv", True, None
    with pytest.raises(ModelError, match=r"'model/dense_3/output' \(XC_conv\).*convert the model before a compiler"):
        tp.convert(write_graph(graph), trainable_layers=1)


def test_a_model_compiled_for_an_accelerator_reads_scratch_memory(plain_tflite):
    graph = read_graph(plain_tflite)
    scratch = graph.add_tensor(Tensor("scratch", (64,), np.dtype(np.uint8)))
    data = write_graph(graph)
    graph.ops[0].kind, graph.ops[0].is_custom, graph.ops[0].raw = "ethos-u", True, None
    graph.ops[0].inputs.append(scratch)
    with pytest.raises(ModelError, match="op ethos-u reads tensor 'scratch'.*compiled for an accelerator"):
        graph.check()
    assert read_graph(data)


def test_uint8_models(plain_tflite):
    graph = read_graph(plain_tflite)
    for tensor in graph.tensors[-2:]:
        tensor.dtype, tensor.raw = np.dtype(np.uint8), schema.TensorT()
        tensor.raw.quantization = schema.QuantizationParametersT()
        tensor.raw.quantization.scale, tensor.raw.quantization.zeroPoint = np.array([0.5], np.float32), np.array([1])
    with pytest.raises(ModelError, match="quantized to uint8.*export it again with int8"):
        tp.convert(write_graph(graph), trainable_layers=1)


def test_kernels_that_do_not_broadcast_so_far(keras):
    model = keras.Sequential([keras.Input((4, 4, 8)), keras.layers.GroupNormalization(2), keras.layers.Flatten(),
                              keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="over more than 4 dimensions; TFLM has no such kernel: build the model without"):
        tp.convert(model, loss="mse", trainable_layers=1)


def test_a_model_without_weights(plain_tflite):
    graph = read_graph(plain_tflite)
    graph.ops = [Op("RELU", [graph.inputs[0]], [graph.add_tensor(Tensor("y", (1, 8), np.dtype(np.float32)))])]
    graph.outputs = [len(graph.tensors) - 1]
    with pytest.raises(ModelError, match="no layer with weights: there is nothing to train"):
        tp.convert(write_graph(graph))
