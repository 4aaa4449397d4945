"""The gradient kernels of all convolutions against their references, and these against TensorFlow."""

import conv_cases
import numpy as np
import pytest

from tflm_tinyprop import reference

OPS = list(conv_cases.BACKWARD)


@pytest.mark.parametrize("op", OPS)
def test_against_the_reference(abi, rng, op):
    for _ in range(700):
        conv_cases.check_against_reference(abi, conv_cases.random_conv(rng, op))


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("train_weights", [True, False])
@pytest.mark.parametrize("train_bias", [True, False])
@pytest.mark.parametrize("hand_down", [True, False])
def test_parts_left_out_do_not_change_the_others(abi, rng, op, train_weights, train_bias, hand_down):
    for _ in range(70):
        case = conv_cases.random_conv(rng, op)
        conv_cases.check_parts_left_out(abi, case, train_weights, train_bias, hand_down)


@pytest.mark.parametrize("op", OPS)
def test_only_what_is_selected_is_touched(abi, rng, op):
    for _ in range(300):
        case = conv_cases.random_conv(rng, op, density=0.1)
        conv_cases.check_only_what_is_selected_is_touched(abi, rng, case)


@pytest.mark.parametrize("op", OPS)
def test_no_gradient_at_all(abi, rng, op):
    for _ in range(50):
        conv_cases.check_without_gradients(abi, conv_cases.random_conv(rng, op))


@pytest.mark.parametrize("op", ["conv_2d", "depthwise_conv_2d"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_reference_against_tensorflow(rng, op, padding):
    import tensorflow as tf

    tensorflow_op = {"conv_2d": tf.nn.conv2d, "depthwise_conv_2d": tf.nn.depthwise_conv2d}[op]
    for _ in range(25):
        conv_cases.check_reference_against_tensorflow(rng, op, tensorflow_op, padding)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_transposed_reference_against_tensorflow(rng, padding):
    import tensorflow as tf

    for _ in range(25):
        stride = tuple(int(s) for s in rng.integers(1, 4, 2))
        taps, positions = rng.integers(1, 6, 2), rng.integers(1, 6, 2)
        inputs, channels = (int(c) for c in rng.integers(1, 4, 2))
        x = rng.normal(size=(2, *positions, inputs))
        kernel, bias = rng.normal(size=(*taps, channels, inputs)), rng.normal(size=channels)
        size = [int(p) * s if padding == "SAME" else (int(p) - 1) * s + int(k) for p, s, k in zip(positions, stride, taps)]
        tensors = [tf.constant(a) for a in (x, kernel, bias)]
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            z = tf.nn.conv2d_transpose(tensors[0], tensors[1], (2, *size, channels), [1, *stride, 1], padding) + tensors[2]
            delta = rng.normal(size=z.shape)
            loss = tf.reduce_sum(z * delta)
        dx, dw, db = (g.numpy() for g in tape.gradient(loss, tensors))
        needed = [(int(p) - 1) * s + int(k) - n for p, s, k, n in zip(positions, stride, taps, size)]
        geometry = dict(stride=stride, pads=tuple(max(n, 0) // 2 for n in needed))
        weights = kernel.transpose(2, 0, 1, 3)
        ours = reference.transpose_conv_forward(x, weights, bias, output_size=size, **geometry)
        np.testing.assert_allclose(ours, z, rtol=1e-11, atol=1e-11)
        expected = (dx, dw.transpose(2, 0, 1, 3), db)
        for actual, wanted in zip(reference.transpose_conv_backward(delta, x, weights, **geometry), expected):
            np.testing.assert_allclose(actual, wanted, rtol=1e-11, atol=1e-11)
