"""Self-test vectors: what they promise is what the interpreter gives, and is worth checking."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.firmware.app import App, app_files
from tflm_tinyprop.firmware.cpp import float_literal
from tflm_tinyprop.firmware.ops import NeededOps
from tflm_tinyprop.firmware.self_test import make_self_test
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.models.tiny_models import dense_classifier

FLOAT = np.dtype(np.float32)


def two_inputs() -> bytes:
    """Inputs of 3 and 2 features, joined, then a dense layer with 4 outputs."""
    graph = Graph([], [], [], [])
    a, b, joined, output = (graph.add_tensor(Tensor(name, (1, size), FLOAT)) for name, size in
                            (("a", 3), ("b", 2), ("joined", 5), ("m/dense/output", 4)))
    generator = np.random.default_rng(3)
    kernel = graph.add_constant("m/dense/kernel", generator.normal(size=(4, 5)).astype(np.float32))
    bias = graph.add_constant("m/dense/bias", np.zeros(4, np.float32))
    graph.ops = [Op("CONCATENATION", [a, b], [joined], raw=builtin_options("ConcatenationOptions", axis=1)),
                 Op("FULLY_CONNECTED", [joined, kernel, bias], [output], raw=builtin_options("FullyConnectedOptions"))]
    graph.inputs, graph.outputs = [a, b], [output]
    return write_graph(graph)


def models():
    dense = dense_classifier([8, 16, 12, 4], seed=1)
    yield "v2", tp.convert(dense)
    yield "full", tp.convert(dense, config=tp.TinyPropConfig.full(), trainable_layers=1)
    yield "middle layer", tp.convert(dense, trainable_layers=["dense_2"])
    yield "one-hot", tp.convert(dense, loss="categorical_crossentropy")
    yield "batch", tp.convert(dense_classifier([8, 6, 4], batch_size=3), batch_size=3)
    yield "regression", tp.convert(dense_classifier([8, 6, 4], softmax=False), loss="mse")
    yield "two inputs", tp.convert(two_inputs())
    logits = dense_classifier([8, 6, 3], softmax=False)
    yield "binary", tp.convert(logits, loss=tp.Loss("binary_crossentropy", label_smoothing=0.1))
    yield "one binary output", tp.convert(dense_classifier([8, 6, 1], softmax=False), loss="bce")
    yield "absolute error", tp.convert(logits, loss="mae")
    yield "huber", tp.convert(logits, loss=tp.Loss("huber", delta=0.5))


def large_weights() -> bytes:
    """Weights so large that a step with the smallest learning rate would be lost in their rounding errors."""
    graph = read_graph(dense_classifier([8, 4], seed=1, use_bias=False))
    for tensor in graph.tensors:
        if tensor.is_constant and len(tensor.shape) == 2:
            tensor.set_array(3e3 * tensor.array())
    return write_graph(graph)


MODELS = {**dict(models()), "large weights": tp.convert(large_weights(), config=tp.TinyPropConfig.full())}


def one_step(model, test):
    trainer = tp.Trainer(model)
    before = trainer.get_weights()
    x = [values[None] for values in test.inputs]
    y = test.label.reshape(1, *model.label.shape[1:])
    logs = trainer.train_on_batch(x[0] if len(x) == 1 else x, y, learning_rate=test.learning_rate)
    return before, logs, trainer.get_weights()


@pytest.mark.parametrize("name", MODELS)
def test_the_expectation_is_what_a_step_gives(name):
    model = MODELS[name]
    test = make_self_test(model)
    before, logs, after = one_step(model, test)
    assert logs["skip_rate"] == 0 and logs["non_finite"] == 0
    assert logs["loss"] == test.loss
    assert before[test.variable].flat[test.element] == test.exported
    assert after[test.variable].flat[test.element] == test.weight
    largest = max(np.abs(a - b).max() for a, b in zip(after, before, strict=True))
    assert abs(np.float32(test.weight) - np.float32(test.exported)) == largest


@pytest.mark.parametrize("name", MODELS)
def test_a_step_that_does_nothing_is_noticed(name):
    test = make_self_test(MODELS[name])
    assert abs(test.weight - test.exported) > 10 * test.weight_tolerance > 0
    assert 0 < test.loss_tolerance <= 1e-3 * max(1, test.loss)


def test_a_larger_step_starts_from_the_exported_weights():
    model = MODELS["large weights"]
    test = make_self_test(model)
    assert test.learning_rate > 0.01
    assert model.initial_values()[test.variable].flat[test.element] == np.float32(test.exported)


def test_the_generated_label_is_the_least_likely_class():
    for name in ("v2", "one-hot"):
        model, test = MODELS[name], make_self_test(MODELS[name])
        worst = tp.Trainer(model).predict(test.inputs[0][None])[0].argmin()
        assert (test.label.tolist() == [worst]) if name == "v2" else (test.label.argmax() == worst)


@pytest.mark.parametrize(("name", "text"), [
    ("v2", "index of the class"), ("one-hot", "one-hot"), ("binary", "0 or 1 for each output"), ("huber", "the wanted output"),
])
def test_the_generated_header_says_what_a_label_is(name, text):
    model = MODELS[name]
    header = app_files(App(model, NeededOps((), ()), make_self_test(model)))["tinyprop_model.h"]
    assert f"// Label of a sample: {text}" in header


def test_the_generated_binary_label_is_the_other_one():
    model = MODELS["binary"]
    test = make_self_test(model)
    output = tp.Trainer(model).predict(test.inputs[0][None])
    np.testing.assert_array_equal(test.label, (output[0] <= 0).astype(np.float32))


def test_the_sample_is_the_same_every_time():
    first, second = (make_self_test(MODELS["v2"]) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.inputs, second.inputs, strict=True))
    assert (first.loss, first.weight, first.element) == (second.loss, second.weight, second.element)


def test_the_first_sample_of_the_users_data(samples):
    x, y = samples
    model = MODELS["v2"]
    test = make_self_test(model, (x, y))
    assert np.array_equal(test.inputs[0], x[0]) and test.label.tolist() == [y[0]] and not test.is_generated
    assert one_step(model, test)[1]["loss"] == test.loss


def test_data_that_cannot_test_anything(samples):
    x, y = samples
    with pytest.raises(tp.DataError, match="first sample of the data does not train"):
        make_self_test(MODELS["v2"], (np.full_like(x, np.nan), y))
    with pytest.raises(tp.DataError, match=r"y\[2\] is 9"):
        make_self_test(MODELS["v2"], (x, np.array([0, 1, 9] + [0] * (len(x) - 3))))


def test_a_sample_that_trains_only_the_upper_layers_cannot_test_anything():
    """An input so large that its own weights could leave the range of float32, though it has no influence yet."""
    graph = read_graph(dense_classifier([8, 6, 4], activation=3, softmax=False))
    kernel = graph.tensors[graph.ops[0].inputs[1]]
    kernel.set_array(kernel.array() * (np.arange(8) > 0))
    model = tp.convert(write_graph(graph), loss="mse", config=tp.TinyPropConfig.full())
    x, y = np.full((1, 8), 0.5, np.float32), np.full((1, 4), 1e6, np.float32)
    assert make_self_test(model, (x, y)).learning_rate == 0.01
    x[0, 0] = 3e38
    with pytest.raises(tp.DataError, match="does not train this model"):
        make_self_test(model, (x, y))


def test_a_configuration_that_skips_everything():
    model = tp.convert(dense_classifier([8, 6, 4]), config=tp.TinyPropConfig.v2(d_max=0.25))
    with pytest.raises(tp.ModelError, match="a d_max below the threshold skips every sample"):
        make_self_test(model)


def test_several_inputs_are_all_written():
    model = MODELS["two inputs"]
    files = app_files(App(model, NeededOps(("AddFullyConnected",), ()), make_self_test(model)))
    data = files["tinyprop_self_test_data.h"]
    assert "write(0, kSampleInput0, 3) && write(1, kSampleInput1, 2)" in data
    assert "constexpr int32_t kInputs = 2;" in files["tinyprop_model.h"]


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.1, -1e-30, 3.4e38, 1.5e-45, 123456.789])
def test_float_literals_are_exact(value):
    text = float_literal(value)
    assert text.endswith("f") and any(c in text for c in ".e")
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_float_literals_of_all_magnitudes_are_exact():
    bits = np.random.default_rng(0).integers(0, 1 << 32, 20_000, np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    assert np.array([np.float32(float_literal(value)[:-1]) for value in values]).tobytes() == values.tobytes()
