"""BATCH_MATMUL and BROADCAST_TO: gradients in the interpreter against tf.GradientTape."""

import numpy as np
import pytest
from probe import check, each_configuration, random_map
from test_refusals import Case

from tflm_tinyprop.format.graph import builtin_options

COUNT = 60


@pytest.mark.parametrize("adj_a", [False, True])
@pytest.mark.parametrize("adj_b", [False, True])
def test_products_of_two_tensors_or_with_a_constant(adj_a, adj_b):
    import tensorflow as tf

    for generator in each_configuration(f"BATCH_MATMUL {adj_a} {adj_b}", COUNT):
        values = random_map(generator, int(generator.integers(3, 5)))
        *_, rows, columns = values.shape
        if adj_a == adj_b and generator.random() < 0.5:  # both operands from x
            shape = (*values.shape[:-2], *((columns, columns) if adj_a else (rows, rows)))

            def build(probe, shape=shape):
                order = [*range(probe.values.ndim - 2), probe.values.ndim - 1, probe.values.ndim - 2]
                turned = tuple(probe.values.shape[axis] for axis in order)
                active = probe.op("TANH", [probe.input], probe.values.shape)
                b = probe.op("TRANSPOSE", [active, probe.constant(np.array(order, np.int32))], turned,
                             builtin_options("TransposeOptions"))
                raw = builtin_options("BatchMatMulOptions", adjX=adj_a, adjY=adj_b)
                return probe.op("BATCH_MATMUL", [probe.input, b], shape, raw)

            def function(x):
                return tf.matmul(x, tf.linalg.matrix_transpose(tf.tanh(x)), transpose_a=adj_a, transpose_b=adj_b)
        else:
            high = columns if adj_b else rows
            other = generator.normal(size=(*values.shape[:-2], *((high, 3) if adj_a else (3, high)))).astype(np.float32)

            def function(x, other=other):
                return tf.matmul(other, x, transpose_a=adj_a, transpose_b=adj_b)

            def build(probe, other=other, function=function):
                raw = builtin_options("BatchMatMulOptions", adjX=adj_a, adjY=adj_b)
                return probe.op("BATCH_MATMUL", [probe.constant(other), probe.input], function(probe.values).shape, raw)

        check(values, build, function, generator)


def test_broadcast_to():
    import tensorflow as tf

    for generator in each_configuration("BROADCAST_TO", COUNT):
        values = random_map(generator, int(generator.integers(2, 4)))
        shape = list(values.shape)
        for axis in range(1, values.ndim):
            if generator.random() < 0.6:
                values = np.take(values, [0], axis)
                shape[axis] = int(generator.integers(1, 6))
        if len(values) == 1 and generator.random() < 0.3:
            shape.insert(0, 1)

        def build(probe, shape=shape):
            return probe.op("BROADCAST_TO", [probe.input, probe.constant(np.array(shape, np.int32))], shape,
                            builtin_options("BroadcastToOptions"))

        check(values, build, lambda x, s=shape: tf.broadcast_to(x, s), generator)


def test_what_is_refused():
    case = Case()
    x, integers = case.computed(1, 2, 3), case.computed(1, 3, 2, dtype=np.dtype(np.int8))
    assert case.problem("BATCH_MATMUL", [x, case.computed(1, 3, 2)], case.computed(1, 2, 2)) is None
    constant = case.weights(1, 3, 2)
    assert "its second factor is a constant" in case.problem("BATCH_MATMUL", [x, constant], case.computed(1, 2, 2))
    assert "is int8, only float32" in case.problem("BATCH_MATMUL", [x, integers], case.computed(1, 2, 2))
    shape = case.constant(np.array([2, 3, 2], np.int32))
    assert "is int8, only float32" in case.problem("BROADCAST_TO", [integers, shape], case.computed(2, 3, 2))
