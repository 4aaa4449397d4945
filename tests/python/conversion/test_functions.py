"""Functions of one tensor and choices among two: gradients in the interpreter against tf.GradientTape."""

import numpy as np
import pytest
from probe import Probe, check, each_configuration, random_map
from test_refusals import Case

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.graph import Op, Tensor, builtin_options

COUNT = 40
FUNCTIONS = {"NEG": "negative", "EXP": "exp", "LOG": "math.log", "SQUARE": "square", "SQRT": "sqrt", "RSQRT": "math.rsqrt"}


def of_tensorflow(name: str):
    import tensorflow as tf

    function = tf
    for part in name.split("."):
        function = getattr(function, part)
    return function


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions(kind):
    function = of_tensorflow(FUNCTIONS[kind])
    positive = kind in ("LOG", "SQRT", "RSQRT")
    options = {"NEG": "NegOptions", "EXP": "ExpOptions", "SQUARE": "SquareOptions"}
    for generator in each_configuration(kind, COUNT):
        values = random_map(generator, int(generator.integers(2, 5)))
        values = 0.3 + np.abs(values) if positive else values / 2
        raw = builtin_options(options[kind]) if kind in options else None
        check(values, lambda probe, raw=raw: probe.op(kind, [probe.input], probe.values.shape, raw), function, generator)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("kind", "name"), [("MAXIMUM", "maximum"), ("MINIMUM", "minimum")])
def test_the_larger_or_smaller_of_two(kind, name, ties):
    import tensorflow as tf

    function = of_tensorflow(name)
    for generator in each_configuration(kind, COUNT):
        values = generator.integers(-1, 2, (2, 3, 4)).astype(np.float32) if ties else random_map(generator)
        other = generator.integers(-1, 2, [1 if generator.random() < 0.4 else n for n in values.shape]).astype(np.float32) + (
            0 if ties else 0.123)
        both = bool(generator.integers(2))

        def build(probe, other=other, both=both):
            constant = probe.constant(np.asarray(other, np.float32))
            first = probe.op("MUL", [probe.input, constant], probe.values.shape, builtin_options("MulOptions")) if both else constant
            operands = [first, probe.input]
            return probe.op(kind, operands, probe.values.shape, builtin_options("MaximumMinimumOptions"))

        def compute(x, other=other, both=both):
            other = tf.constant(other, tf.float32)
            return function(x * other if both else other, x)

        check(values, build, compute, generator)


def test_select_v2():
    import tensorflow as tf

    for generator in each_configuration("SELECT_V2", COUNT):
        values = random_map(generator)
        condition = generator.random([1 if generator.random() < 0.3 else n for n in values.shape]) < 0.5
        number = np.full((1,) * values.ndim, 0.5, np.float32)
        with_number, swap = generator.random(2) < 0.5

        def build(probe, condition=condition, number=number, with_number=with_number, swap=swap):
            active = probe.op("TANH", [probe.input], probe.values.shape)
            operands = [active, probe.constant(number) if with_number else probe.input]
            return probe.op("SELECT_V2", [probe.constant(condition), *(operands[::-1] if swap else operands)],
                            probe.values.shape, builtin_options("SelectV2Options"))

        def compute(x, condition=condition, number=number, with_number=with_number, swap=swap):
            operands = [tf.tanh(x), tf.constant(number) if with_number else x]
            return tf.where(condition, *(operands[::-1] if swap else operands))

        check(values, build, compute, generator)


def compared(probe, tensor):
    """Where it is positive."""
    shape = probe.graph.tensors[tensor].shape
    condition = probe.graph.add_tensor(Tensor("condition", shape, np.dtype(np.bool_)))
    zero = probe.constant(np.zeros((1,) * len(shape), np.float32))
    probe.graph.ops.append(Op("GREATER", [tensor, zero], [condition], raw=builtin_options("GreaterOptions")))
    return condition


def test_a_condition_that_depends_on_trained_weights():
    """No gradient goes through a comparison."""
    import tensorflow as tf

    for generator in each_configuration("SELECT_V2 by x", COUNT):
        def build(probe):
            active = probe.op("TANH", [probe.input], probe.values.shape)
            return probe.op("SELECT_V2", [compared(probe, active), probe.input, active], probe.values.shape,
                            builtin_options("SelectV2Options"))

        check(random_map(generator), build, lambda x: tf.where(tf.tanh(x) > 0, x, tf.tanh(x)), generator)


def test_a_layer_that_no_gradient_reaches_is_refused():
    probe = Probe(np.ones((1, 4), np.float32))
    numbers = [probe.constant(np.full((1, 4), value, np.float32)) for value in (1, 2)]
    output = probe.op("SELECT_V2", [compared(probe, probe.input), *numbers], (1, 4), builtin_options("SelectV2Options"))
    with pytest.raises(ModelError, match="no gradient reaches layer 'probe'.*by comparisons only; leave it frozen"):
        probe.model(output)


def test_squared_difference():
    import tensorflow as tf

    for generator in each_configuration("SQUARED_DIFFERENCE", COUNT):
        values = random_map(generator)
        other = generator.normal(size=[1 if generator.random() < 0.4 else n for n in values.shape]).astype(np.float32)
        both, swap = generator.random(2) < 0.5

        def build(probe, other=other, both=both, swap=swap):
            operands = [probe.input, probe.constant(other)]
            if both:
                operands[1] = probe.op("MUL", list(operands), probe.values.shape, builtin_options("MulOptions"))
            return probe.op("SQUARED_DIFFERENCE", operands[::-1] if swap else operands, probe.values.shape,
                            builtin_options("SquaredDifferenceOptions"))

        check(values, build, lambda x, o=other, b=both: tf.math.squared_difference(x, x * o if b else o), generator)


def test_what_is_refused():
    case = Case()
    x, integers = case.computed(1, 4), case.computed(1, 4, dtype=np.dtype(np.int8))
    for kind in FUNCTIONS:
        assert case.problem(kind, [x], x) is None
        assert "is int8, only float32" in case.problem(kind, [integers], x)
    for kind in ("MAXIMUM", "MINIMUM"):
        assert case.problem(kind, [x, x], x) is None
        assert "is int8, only float32" in case.problem(kind, [x, integers], x)
    condition = case.computed(1, 4, dtype=np.dtype(np.bool_))
    assert case.problem("SELECT_V2", [condition, x, x], x) is None
    assert "is int8, only float32" in case.problem("SELECT_V2", [condition, x, integers], x)
