"""Rules of ops without weights: gradients in the interpreter against tf.GradientTape."""

import numpy as np
import pytest
from probe import SEED, check, each_configuration, random_map

from tflm_tinyprop.format.graph import builtin_options


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pooling(kind):
    import tensorflow as tf

    pool = {"AVERAGE_POOL_2D": tf.nn.avg_pool2d, "MAX_POOL_2D": tf.nn.max_pool2d}[kind]
    for generator in each_configuration(kind):
        values = random_map(generator)
        same = bool(generator.integers(2))
        limit = values.shape[1:3] if not same else (5, 5)
        window = [int(generator.integers(1, min(5, size) + 1)) for size in limit]
        strides = generator.integers(1, 4, 2).tolist()
        activation = int(generator.integers(0, 2))
        padding = "SAME" if same else "VALID"

        def function(x, window=window, strides=strides, padding=padding, activation=activation):
            y = pool(x, window, strides, padding)
            return tf.nn.relu(y) if activation else y

        def build(probe, window=window, strides=strides, same=same, activation=activation, function=function):
            shape = function(probe.values).shape
            raw = builtin_options("Pool2DOptions", padding=0 if same else 1, strideH=strides[0], strideW=strides[1],
                                  filterHeight=window[0], filterWidth=window[1], fusedActivationFunction=activation)
            return probe.op(kind, [probe.input], shape, raw)

        check(values, build, function, generator)


ACTIVATIONS = {
    "RELU": ("relu", None), "RELU6": ("relu6", None), "TANH": ("tanh", None), "LOGISTIC": ("sigmoid", None),
    "ELU": ("elu", None),
    "HARD_SWISH": ("hard_swish", "HardSwishOptions"), "LEAKY_RELU": ("leaky_relu", "LeakyReluOptions"),
}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations(kind):
    import keras
    import tensorflow as tf

    name, options = ACTIVATIONS[kind]
    for generator in each_configuration(kind):
        slope = float(generator.uniform(0, 0.5))
        if kind == "LEAKY_RELU":
            raw, function = builtin_options(options, alpha=slope), (lambda x, s=slope: tf.nn.leaky_relu(x, s))
        else:
            raw = builtin_options(options) if options else None
            function = getattr(keras.activations, name)
        check(random_map(generator, int(generator.integers(2, 5))),
              lambda probe, raw=raw: probe.op(kind, [probe.input], probe.values.shape, raw), function, generator)


def test_prelu():
    import tensorflow as tf

    for generator in each_configuration("PRELU"):
        values = random_map(generator, int(generator.integers(2, 5)))
        values[generator.random(values.shape) < 0.1] = 0  # where Keras has no gradient
        shape = [1 if generator.random() < 0.5 else size for size in values.shape[1:]]
        alpha = generator.normal(size=shape).astype(np.float32)

        def build(probe, alpha=alpha):
            # The probe's layer is linear, so that zeros come through it as zeros.
            return probe.op("PRELU", [probe.input, probe.constant(alpha)], probe.values.shape)

        check(values, build, lambda x, a=alpha: tf.nn.relu(x) - a * tf.nn.relu(-x), generator)


def test_softmax_inside_a_graph():
    import tensorflow as tf

    for generator in each_configuration("SOFTMAX"):
        values, beta = random_map(generator, 2), float(generator.choice([0.5, 1.0]))
        check(values, lambda probe, b=beta: probe.op("SOFTMAX", [probe.input], probe.values.shape,
                                                     builtin_options("SoftmaxOptions", beta=b)),
              lambda x, b=beta: tf.nn.softmax(b * x), generator)


BINARY = {"ADD": "add", "SUB": "subtract", "MUL": "multiply", "DIV": "divide"}


@pytest.mark.parametrize("kind", BINARY)
def test_binary_ops_with_constants(kind):
    import tensorflow as tf

    combine = getattr(tf, BINARY[kind])
    for generator in each_configuration(kind):
        values = random_map(generator)
        shape = [1 if generator.random() < 0.5 else size for size in values.shape]
        other = generator.normal(size=shape).astype(np.float32)
        first = bool(generator.integers(2))
        activation = int(generator.choice([0, 1, 3]))
        if kind == "DIV":
            other += np.copysign(np.float32(0.5), other)
            activation *= first  # the constant is the dividend, or there is a fused activation
        act = {0: tf.identity, 1: tf.nn.relu, 3: tf.nn.relu6}[activation]

        def build(probe, other=other, activation=activation, first=first):
            operands = [probe.input, probe.constant(other)]
            raw = builtin_options(f"{kind.capitalize()}Options", fusedActivationFunction=activation)
            return probe.op(kind, operands if first else operands[::-1], probe.values.shape, raw)

        check(values, build, lambda x, o=other, a=act, f=first: a(combine(x, o) if f else combine(o, x)), generator)


@pytest.mark.parametrize("kind", BINARY)
def test_branches_that_meet_again(kind):
    """Both operands come from the same tensor: their gradients are summed. One branch is reduced first,
    so that it is broadcast, in half of the cases."""
    import tensorflow as tf

    combine = getattr(tf, BINARY[kind])
    for generator in each_configuration(f"{kind} of branches"):
        values = random_map(generator)
        reduce, swap = bool(generator.integers(2)), kind != "DIV" and bool(generator.integers(2))

        def function(x, reduce=reduce, swap=swap):
            branch = tf.tanh(x)
            if reduce:
                branch = tf.reduce_mean(branch, [1, 2], keepdims=True)
            # Never close to 0, so that it can be a divisor.
            operands = [branch, tf.sigmoid(x)]
            return combine(*operands[:: -1 if swap else 1])

        def build(probe, reduce=reduce, swap=swap):
            shape = probe.values.shape
            branch = probe.op("TANH", [probe.input], shape)
            if reduce:
                axes = probe.constant(np.array([1, 2], np.int32))
                branch = probe.op("MEAN", [branch, axes], (shape[0], 1, 1, shape[3]),
                                  builtin_options("ReducerOptions", keepDims=True))
            other = probe.op("LOGISTIC", [probe.input], shape)
            operands = [branch, other][:: -1 if swap else 1]
            return probe.op(kind, operands, shape, builtin_options(f"{kind.capitalize()}Options"))

        check(values, build, function, generator)


@pytest.mark.parametrize("kind", BINARY)
def test_a_tensor_with_itself(kind):
    import tensorflow as tf

    generator = np.random.default_rng(SEED)
    check(random_map(generator), lambda probe: probe.op(
        kind, [probe.input, probe.input], probe.values.shape, builtin_options(f"{kind.capitalize()}Options")),
        lambda x: getattr(tf, BINARY[kind])(x, tf.identity(x)), generator)


def test_mean():
    import tensorflow as tf

    for generator in each_configuration("MEAN"):
        values = random_map(generator)
        axes = sorted(generator.choice([1, 2, 3], int(generator.integers(1, 4)), replace=False).tolist())
        keep = bool(generator.integers(2))

        def build(probe, axes=axes, keep=keep):
            shape = tf.reduce_mean(probe.values, axes, keepdims=keep).shape
            negative = [a - 4 if a % 2 else a for a in axes]
            return probe.op("MEAN", [probe.input, probe.constant(np.array(negative, np.int32))], shape,
                            builtin_options("ReducerOptions", keepDims=keep))

        check(values, build, lambda x, a=axes, k=keep: tf.reduce_mean(x, a, keepdims=k), generator)


@pytest.mark.parametrize("kind", ["PAD", "PADV2"])
def test_pad(kind):
    import tensorflow as tf

    for generator in each_configuration(kind):
        paddings = np.concatenate([[[0, 0]], generator.integers(0, 4, (3, 2))]).astype(np.int32)

        def build(probe, paddings=paddings):
            shape = [size + sum(p) for size, p in zip(probe.values.shape, paddings.tolist(), strict=True)]
            inputs = [probe.input, probe.constant(paddings)]
            if kind == "PADV2":
                inputs.append(probe.constant(np.zeros(1, np.float32)))
            return probe.op(kind, inputs, shape, builtin_options("PadV2Options" if kind == "PADV2" else "PadOptions"))

        check(random_map(generator), build, lambda x, p=paddings: tf.pad(x, p), generator)


def test_transpose():
    import tensorflow as tf

    for generator in each_configuration("TRANSPOSE"):
        values = random_map(generator, int(generator.integers(2, 5)))
        # The batch stays in front, or comes back there.
        order = [0, *(1 + generator.permutation(values.ndim - 1))]
        detour = generator.permutation(values.ndim).tolist()
        orders = [order] if generator.integers(2) else [detour, [detour.index(axis) for axis in order]]

        def build(probe, orders=orders):
            output = probe.input
            for permutation in orders:
                shape = [probe.graph.tensors[output].shape[axis] for axis in permutation]
                output = probe.op("TRANSPOSE", [output, probe.constant(np.array(permutation, np.int32))], shape,
                                  builtin_options("TransposeOptions"))
            return output

        check(values, build, lambda x, o=order: tf.transpose(x, o), generator)


def test_concatenation():
    import tensorflow as tf

    for generator in each_configuration("CONCATENATION"):
        values = random_map(generator)
        axis = int(generator.integers(1, 4))
        constant = random_map(generator, batch=len(values))
        shape = list(values.shape)
        shape[axis] = constant.shape[axis]
        constant = np.resize(constant, shape)

        def build(probe, axis=axis, constant=constant):
            parts = [probe.op("TANH", [probe.input], probe.values.shape), probe.constant(constant), probe.input]
            shape = list(probe.values.shape)
            shape[axis] = 2 * shape[axis] + constant.shape[axis]
            raw = builtin_options("ConcatenationOptions", axis=axis if axis % 2 else axis - 4)
            return probe.op("CONCATENATION", parts, shape, raw)

        check(values, build, lambda x, a=axis, c=constant: tf.concat([tf.tanh(x), c, x], a), generator)


@pytest.mark.parametrize("kind", ["RESHAPE", "SQUEEZE", "EXPAND_DIMS"])
def test_shapes(kind):
    import tensorflow as tf

    for generator in each_configuration(kind):
        values = random_map(generator, 3)
        if kind == "SQUEEZE":
            values = values[:, None]
        target = {"RESHAPE": (values.shape[0], values[0].size), "SQUEEZE": (values.shape[0], *values.shape[2:]),
                  "EXPAND_DIMS": (values.shape[0], 1, *values.shape[1:])}[kind]

        def build(probe, target=target):
            if kind == "RESHAPE":
                return probe.reshape(probe.input, target)
            if kind == "SQUEEZE":
                return probe.op(kind, [probe.input], target, builtin_options("SqueezeOptions", squeezeDims=[1]))
            return probe.op(kind, [probe.input, probe.constant(np.array([1], np.int32))], target,
                            builtin_options("ExpandDimsOptions"))

        check(values, build, lambda x, t=target: tf.reshape(x, t), generator)
