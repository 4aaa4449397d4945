"""Convolutions in the interpreter: full steps against tf.GradientTape, sparse ones against the reference."""

import numpy as np
import pytest
from probe import Probe, assert_gradients_close

import tflm_tinyprop as tp
from tflm_tinyprop import reference
from tflm_tinyprop.format.graph import builtin_options

CONFIGURATIONS = 300
SEED = 47
KINDS = ["CONV_2D", "DEPTHWISE_CONV_2D"]


class Case:
    """A random convolution: shapes, strides, dilations, padding, activation, bias."""

    def __init__(self, kind: str, number: int, equal_strides: bool = False):
        print(f"seed [{SEED}, {number}] of {kind}")
        g = self.generator = np.random.default_rng([SEED, number])
        self.kind = kind
        self.same = bool(g.integers(2))
        self.kernel = g.integers(1, 5, 2).tolist()
        # TensorFlow has no gradient for strides and dilations at once. With unequal strides its convolution on
        # the CPU is wrong for some shapes (seed [47, 215]: it reads beyond its input), its depthwise one refuses.
        self.strides, self.dilations = [1, 1], [1, 1]
        if g.random() < 0.5:
            self.strides = [int(g.integers(1, 4))] * 2 if equal_strides else g.integers(1, 4, 2).tolist()
        else:
            self.dilations = g.integers(1, 4, 2).tolist()
        span = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        size = [int(g.integers(1 if self.same else s, s + 5)) for s in span]
        self.channels = int(g.integers(1, 5))
        self.out = int(g.integers(1, 6)) if kind == "CONV_2D" else self.channels * int(g.integers(1, 4))
        batch = int(g.integers(1, 4))
        self.values = g.normal(size=(batch, *size, self.channels)).astype(np.float32)
        self.activation = int(g.choice([0, 1, 2, 3]))
        self.bias = g.normal(size=self.out).astype(np.float32) if g.random() < 0.7 else None
        self.weights = g.normal(size=(*self.kernel, self.channels, self.out if kind == "CONV_2D"
                                      else self.out // self.channels)).astype(np.float32)

    @property
    def tflite_weights(self) -> np.ndarray:
        """CONV_2D: [out, height, width, in]; DEPTHWISE_CONV_2D: [1, height, width, out]."""
        if self.kind == "CONV_2D":
            return self.weights.transpose(3, 0, 1, 2)
        return self.weights.reshape(1, *self.kernel, self.out)

    def in_tensorflow(self, x, weights, bias):
        import tensorflow as tf

        padding = "SAME" if self.same else "VALID"
        if self.kind == "CONV_2D":
            y = tf.nn.conv2d(x, weights, self.strides, padding, dilations=self.dilations)
        else:
            y = tf.nn.depthwise_conv2d(x, weights, [1, *self.strides, 1], padding, dilations=self.dilations)
        if bias is not None:
            y = y + bias
        return {0: tf.identity, 1: tf.nn.relu, 2: lambda z: tf.clip_by_value(z, -1.0, 1.0), 3: tf.nn.relu6}[
            self.activation](y)

    def build(self, probe: Probe, shape, activation: int) -> int:
        options = dict(padding=0 if self.same else 1, strideH=self.strides[0], strideW=self.strides[1],
                       dilationHFactor=self.dilations[0], dilationWFactor=self.dilations[1],
                       fusedActivationFunction=activation)
        if self.kind == "CONV_2D":
            raw = builtin_options("Conv2DOptions", **options)
        else:
            raw = builtin_options("DepthwiseConv2DOptions", depthMultiplier=self.out // self.channels, **options)
        operands = [probe.input, probe.constant(self.tflite_weights, "model/conv/kernel")]
        if self.bias is not None:
            operands.append(probe.constant(self.bias, "model/conv/bias"))
        return probe.op(self.kind, operands, shape, raw, name="model/conv/output")

    def output_shape(self) -> tuple[int, ...]:
        sizes = []
        for axis in range(2):
            size, span = self.values.shape[1 + axis], (self.kernel[axis] - 1) * self.dilations[axis] + 1
            sizes.append(-(-(size if self.same else size - span + 1) // self.strides[axis]))
        return (len(self.values), *sizes, self.out)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_step_against_tensorflow(kind):
    import tensorflow as tf

    for number in range(CONFIGURATIONS):
        case = Case(kind, number, equal_strides=True)
        x, w = tf.constant(case.values), tf.constant(case.weights)
        b = None if case.bias is None else tf.constant(case.bias)
        with tf.GradientTape() as tape:
            tape.watch([x, w, *([] if b is None else [b])])
            y = case.in_tensorflow(x, w, b)
            target = case.generator.normal(size=y.shape).astype(np.float32)
            loss = tf.reduce_mean((y - target) ** 2)
        dx, dw, *db = tape.gradient(loss, [x, w, *([] if b is None else [b])])

        probe = Probe(case.values)
        actual, changes, predictions = probe.step(case.build(probe, y.shape, case.activation), target)
        np.testing.assert_allclose(predictions, y, rtol=1e-4, atol=1e-4)
        assert_gradients_close(actual / probe.batch, dx.numpy(), what="input gradient")
        dw = dw.numpy().transpose(3, 0, 1, 2) if kind == "CONV_2D" else dw.numpy().reshape(1, *case.kernel, case.out)
        assert_gradients_close(changes[0], dw, what="kernel gradient")
        if db:
            assert_gradients_close(changes[1], db[0].numpy(), what="bias gradient")


@pytest.mark.parametrize("kind", KINDS)
def test_a_sparse_step_against_the_reference(kind):
    """The same elements are selected, and only they take part. zeta is large, so that the probe, one layer
    below, keeps everything."""
    for number in range(CONFIGURATIONS):
        case = Case(kind, number)
        ratio = float(case.generator.uniform(0.05, 0.9))
        shape = case.output_shape()
        target = case.generator.normal(size=shape).astype(np.float32)
        probe = Probe(case.values)
        output = case.build(probe, shape, case.activation)
        config = tp.TinyPropConfig(s_min=ratio, s_max=ratio, zeta=1e6, threshold=0)
        actual, changes, predictions = probe.step(output, target, config=config)

        # From the interpreter's own output, so that the selection meets the same numbers.
        _, delta = reference.mean_squared_error(predictions.reshape(probe.batch, -1), target.reshape(probe.batch, -1))
        name = ("none", "relu", "relu_n1_to_1", "relu6")[case.activation]
        delta = reference.activation_grad(name, predictions.reshape(delta.shape), delta)
        sparse = np.zeros_like(delta)
        for b in range(probe.batch):
            k = reference.gradient_count(ratio, delta.shape[1], np.abs(delta[b]).sum())
            kept = reference.select_top_k(delta[b].astype(np.float32), k)
            sparse[b, kept] = delta[b, kept]
        dx, dw, db = backward(case, sparse.reshape(shape))
        assert_gradients_close(actual, dx, what="input gradient")
        assert_gradients_close(changes[0], dw / probe.batch, what="kernel gradient")
        if case.bias is not None:
            assert_gradients_close(changes[1], db / probe.batch, what="bias gradient")


def backward(case: Case, delta):
    """(dx, dw, db) of the float64 reference for a given delta."""
    pads = []
    for axis in range(2):
        span = (case.kernel[axis] - 1) * case.dilations[axis] + 1
        needed = (delta.shape[1 + axis] - 1) * case.strides[axis] + span - case.values.shape[1 + axis]
        pads.append(max(0, needed) // 2 if case.same else 0)
    function = reference.conv_2d_backward if case.kind == "CONV_2D" else reference.depthwise_conv_2d_backward
    return function(delta, case.values.astype(np.float64), case.tflite_weights.astype(np.float64), stride=case.strides, dilation=case.dilations, pads=pads)
