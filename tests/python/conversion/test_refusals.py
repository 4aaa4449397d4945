"""What each rule refuses, and why: what it accepts, the gradient op has to get right."""

import numpy as np
import pytest

from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, schema

FLOAT, INT8 = np.dtype(np.float32), np.dtype(np.int8)
TANH = schema.ActivationFunctionType.TANH


class Case:
    """An op on tensors made from nothing: computed(shape), constant(values)."""

    def __init__(self):
        self.graph = Graph([], [], [], [])

    def computed(self, *shape: int, dtype=FLOAT) -> int:
        return self.graph.add_tensor(Tensor(f"t{len(self.graph.tensors)}", shape, dtype))

    def constant(self, values) -> int:
        return self.graph.add_constant(f"c{len(self.graph.tensors)}", np.asarray(values))

    def weights(self, *shape: int) -> int:
        return self.constant(np.zeros(shape, np.float32))

    def problem(self, kind: str, inputs: list[int], output: int, raw=None) -> str | None:
        return RULES[kind].problem(self.graph, Op(kind, inputs, [output], raw=raw))


@pytest.fixture
def case():
    return Case()


def dense(case, *, weights=None, bias=None, output=None, **fields):
    weights = case.weights(4, 3) if weights is None else weights
    bias = case.weights(4) if bias is None else bias
    output = case.computed(1, 4) if output is None else output
    raw = builtin_options("FullyConnectedOptions", **fields)
    return case.problem("FULLY_CONNECTED", [case.computed(1, 3), weights, bias], output, raw)


def test_dense_layers(case):
    assert dense(case) is None and dense(case, bias=-1) is None
    assert "weights are shuffled" in dense(case, weightsFormat=1)
    assert "expected [units, inputs]" in dense(case, weights=case.weights(4, 3, 1))
    assert "expected [units, inputs]" in dense(case, weights=case.weights(12))
    assert "computed by another op" in dense(case, weights=case.computed(4, 3))
    assert "computed by another op" in dense(case, bias=case.computed(4))
    assert "fused activation has no gradient" in dense(case, fusedActivationFunction=TANH)
    assert "is int8, only float32" in dense(case, weights=case.constant(np.zeros((4, 3), np.int8)))
    assert "is int8, only float32" in dense(case, output=case.computed(1, 4, dtype=INT8))


def test_a_float_tensor_with_a_scale_is_quantized(case):
    output = case.computed(1, 4)
    case.graph.tensors[output].raw = schema.TensorT()
    case.graph.tensors[output].raw.quantization = schema.QuantizationParametersT()
    assert dense(case, output=output) is None
    case.graph.tensors[output].raw.quantization.scale = [0.5]
    assert "only float32" in dense(case, output=output)


def test_convolutions(case):
    x, y = case.computed(1, 5, 5, 4), case.computed(1, 5, 5, 6)
    conv = builtin_options("Conv2DOptions")
    assert case.problem("CONV_2D", [x, case.weights(6, 1, 1, 4), case.weights(6)], y, conv) is None
    for channels in (2, 8):
        message = case.problem("CONV_2D", [x, case.weights(6, 1, 1, channels), case.weights(6)], y, conv)
        assert f"grouped convolution (4 input channels, filters of {channels})" in message


def test_depthwise_convolutions(case):
    x, y = case.computed(1, 5, 5, 4), case.computed(1, 5, 5, 4)
    raw, kernel = builtin_options("DepthwiseConv2DOptions"), case.weights(1, 3, 3, 4)
    assert case.problem("DEPTHWISE_CONV_2D", [x, kernel], y, raw) is None
    assert case.problem("DEPTHWISE_CONV_2D", [x, kernel, case.weights(4)], y, raw) is None
    assert "bias is given as tensor -1" in case.problem("DEPTHWISE_CONV_2D", [x, kernel, -1], y, raw)


@pytest.mark.parametrize(("kind", "what", "values"), [
    ("MEAN", "axes", [1, 2]), ("TRANSPOSE", "permutation", [1, 0]), ("PAD", "paddings", [[0, 0], [1, 1]]), ("PADV2", "paddings", [[0, 0], [1, 1]]),
])
def test_what_has_to_be_constant(case, kind, what, values):
    x, y, constant = case.computed(2, 4), case.computed(2, 6), case.constant(np.array(values, np.int32))
    assert case.problem(kind, [x, constant], y) is None
    computed = case.computed(*np.shape(values), dtype=np.dtype(np.int32))
    problem = case.problem(kind, [x, computed], y)
    assert problem.startswith(f"its {what} ") and "computed; only" in problem
    assert "is int8, only float32" in case.problem(kind, [case.computed(2, 4, dtype=INT8), constant], y)


@pytest.mark.parametrize("kind", ["RESHAPE", "SQUEEZE", "EXPAND_DIMS"])
def test_shapes_may_be_integers_but_not_values(case, kind):
    shape = case.constant(np.array([4, 2], np.int32))
    assert case.problem(kind, [case.computed(2, 4), shape], case.computed(4, 2)) is None
    assert "is int8" in case.problem(kind, [case.computed(2, 4, dtype=INT8), shape], case.computed(4, 2, dtype=INT8))
    assert "is int8" in case.problem(kind, [case.computed(2, 4), shape], case.computed(4, 2, dtype=INT8))


@pytest.mark.parametrize(("kind", "options"), [
    ("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("CONCATENATION", "ConcatenationOptions"),
    ("AVERAGE_POOL_2D", "Pool2DOptions"), ("MAX_POOL_2D", "Pool2DOptions"),
])
def test_fused_activations_without_a_gradient(case, kind, options):
    inputs = [case.computed(1, 2, 2, 4) for _ in range(1 if kind.endswith("2D") else 2)]
    y = case.computed(1, 2, 2, 4)
    for activation, name in ((0, "none"), (1, "relu"), (2, "relu_n1_to_1"), (3, "relu6")):
        assert case.problem(kind, inputs, y, builtin_options(options, fusedActivationFunction=activation)) is None, name
    raw = builtin_options(options, fusedActivationFunction=TANH)
    assert "fused activation has no gradient" in case.problem(kind, inputs, y, raw)
    assert "is int8" in case.problem(kind, inputs[:-1] + [case.computed(1, 2, 2, 4, dtype=INT8)], y)


def test_prelu_with_a_computed_alpha(case):
    x, y = case.computed(1, 4), case.computed(1, 4)
    assert case.problem("PRELU", [x, case.weights(4)], y) is None
    assert "its alpha is computed" in case.problem("PRELU", [x, case.computed(4)], y)
    assert "is int8" in case.problem("PRELU", [case.computed(1, 4, dtype=INT8), case.weights(4)], y)


def test_division_by_what_is_computed_has_no_fused_activation(case):
    x, y, constant = case.computed(1, 4), case.computed(1, 4), case.weights(1, 4)
    plain, relu = (builtin_options("DivOptions", fusedActivationFunction=activation) for activation in (0, 1))
    assert case.problem("DIV", [x, constant], y, relu) is None
    assert case.problem("DIV", [constant, x], y, plain) is None
    for dividend in (constant, case.computed(1, 4)):
        assert "divides by what is computed and has a fused activation" in case.problem("DIV", [dividend, x], y, relu)
