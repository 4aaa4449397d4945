"""Random convolutions, and what holds for the gradient of every kind of them."""

import dataclasses

import numpy as np
from cases import random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop import reference

BACKWARD = {"conv_2d": reference.conv_2d_backward, "depthwise_conv_2d": reference.depthwise_conv_2d_backward,
            "transpose_conv": reference.transpose_conv_backward}


@dataclasses.dataclass
class ConvCase:
    op: str  # a key of BACKWARD
    delta: np.ndarray  # [B, OH, OW, OC]
    x: np.ndarray  # [B, IH, IW, IC]
    weights: np.ndarray
    bias: np.ndarray
    step: np.float32
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int]

    @property
    def shape(self) -> list[int]:
        """The fields of cc/core/conv_shape.h."""
        filter_size = self.weights.shape[1:3]
        return [*self.x.shape, *self.delta.shape[1:], *filter_size, *self.stride, *self.dilation, *self.pads]

    def run(self, abi, **parts):
        """(weights, bias, input delta) from the kernel; `parts` as CoreAbi.conv_grad takes them."""
        arguments = {"bias": self.bias, "x": self.x, **parts}
        x = arguments.pop("x")
        return abi.conv_grad(self.op, self.shape, self.delta, x, self.weights, self.step, **arguments)

    def gradients(self, convert=np.asarray):
        """(dx, dw, db) of the reference in float64, of `convert` applied to delta, x and weights."""
        arrays = (convert(a.astype(np.float64)) for a in (self.delta, self.x, self.weights))
        return BACKWARD[self.op](*arrays, stride=self.stride, dilation=self.dilation, pads=self.pads)


def _random_axis(rng, op: str) -> tuple[int, ...]:
    """(input, output, filter, stride, dilation, pad) of one axis."""
    size, taps = int(rng.integers(1, 11)), int(rng.integers(1, 6))
    stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    if op == "transpose_conv":  # the filter slides over the output
        output, inputs, *rest = _random_positions(rng, size, taps, stride, 1)
        return inputs, output, *rest
    return _random_positions(rng, size, taps, stride, dilation)


def _random_positions(rng, size: int, taps: int, stride: int, dilation: int) -> tuple[int, ...]:
    """(size of the map that the filter slides over, positions on it, filter, stride, dilation, pad)."""
    reach = (taps - 1) * dilation + 1
    kind = rng.choice(["same", "valid", "odd"])
    if kind == "valid" and reach <= size:
        return size, (size - reach) // stride + 1, taps, stride, dilation, 0
    if kind == "same":
        output = -(-size // stride)
        return size, output, taps, stride, dilation, max((output - 1) * stride + reach - size, 0) // 2
    # Any padding before and behind for which no filter lies beyond the input.
    pad = int(rng.integers(0, reach))
    output = int(rng.integers(1, (size - 1 + pad) // stride + 2))
    return size, output, taps, stride, dilation, pad


def random_conv(rng, op: str, density=None) -> ConvCase:
    (ih, oh, kh, *down), (iw, ow, kw, *across) = _random_axis(rng, op), _random_axis(rng, op)
    batch, inputs = int(rng.integers(1, 5)), random_size(rng, 9)
    depthwise = op == "depthwise_conv_2d"
    outputs = inputs * int(rng.integers(1, 4)) if depthwise else random_size(rng, 9)
    delta_shape = (batch, oh, ow, outputs)
    density = rng.choice([0.0, 0.1, 0.5, 1.0]) if density is None else density
    delta = rng.normal(size=delta_shape) * (rng.random(delta_shape) < density)
    x = rng.normal(size=(batch, ih, iw, inputs))
    weights = rng.normal(size=(1, kh, kw, outputs) if depthwise else (outputs, kh, kw, inputs))
    arrays = (array.astype(np.float32) for array in (delta, x, weights, rng.normal(size=outputs)))
    return ConvCase(op, *arrays, np.float32(rng.uniform(0.001, 0.5)), *zip(down, across))


def check_against_reference(abi, case: ConvCase) -> None:
    dx, dw, db = case.gradients()
    dx_size, dw_size, db_size = case.gradients(np.abs)  # sums of magnitudes bound the rounding
    new_weights, new_bias, input_delta = case.run(abi)
    terms = 8 + 2 * case.delta[..., 0].size
    assert_close(input_delta, dx, dx_size, 8 + 2 * case.weights.size)
    assert_close(new_weights, case.weights - case.step * dw, np.abs(case.weights) + case.step * dw_size, terms)
    assert_close(new_bias, case.bias - case.step * db, np.abs(case.bias) + case.step * db_size, terms)


def check_parts_left_out(abi, case: ConvCase, train_weights: bool, train_bias: bool, hand_down: bool) -> None:
    everything = case.run(abi)
    some = case.run(
        abi, x=case.x if train_weights else None, train_weights=train_weights,
        bias=case.bias if train_bias else None, hand_down=hand_down,
    )  # fmt: skip
    assert_same_bits(some[0], everything[0] if train_weights else case.weights)
    assert some[1] is None if not train_bias else (some[1] == everything[1]).all()
    assert some[2] is None if not hand_down else (some[2] == everything[2]).all()


def check_only_what_is_selected_is_touched(abi, rng, case: ConvCase) -> None:
    """Idle channels may hold NaN weights, idle samples NaN inputs."""
    samples = rng.random(len(case.x)) < 0.5
    case.delta[samples], case.x[samples] = 0, np.nan
    channels = ~case.delta.any(axis=(0, 1, 2))
    axis = 3 if case.op == "depthwise_conv_2d" else 0
    filters = np.moveaxis(case.weights, axis, 0)
    filters[channels], case.bias[channels] = np.nan, np.nan
    new_weights, new_bias, input_delta = case.run(abi)
    new_filters = np.moveaxis(new_weights, axis, 0)
    assert_same_bits(new_filters[channels], filters[channels])
    assert_same_bits(new_bias[channels], case.bias[channels])
    assert np.isfinite(new_filters[~channels]).all() and np.isfinite(input_delta).all()
    assert_same_bits(input_delta[samples], np.zeros_like(case.x[samples]))


def check_without_gradients(abi, case: ConvCase) -> None:
    case.delta[...] = -0.0
    new_weights, new_bias, input_delta = case.run(abi)
    assert_same_bits(new_weights, case.weights)
    assert_same_bits(new_bias, case.bias)
    assert_same_bits(input_delta, np.zeros_like(case.x))


def check_reference_against_tensorflow(rng, op: str, tensorflow_op, padding: str) -> None:
    """A random case with TensorFlow's padding: forward and the gradients of the reference in float64."""
    import tensorflow as tf

    stride = [int(rng.integers(1, 4))] * 2  # TensorFlow's depthwise op wants both strides equal
    dilation = tuple(int(d) for d in rng.integers(1, 4, 2))
    taps = rng.integers(1, 6, 2)
    size = (taps - 1) * dilation + rng.integers(1, 7, 2)
    inputs, channels = (int(c) for c in rng.integers(1, 4, 2))
    outputs = channels * inputs if op == "depthwise_conv_2d" else channels
    x = rng.normal(size=(2, *size, inputs))
    # TensorFlow: [KH, KW, IC, OC] and [KH, KW, IC, M].
    kernel = rng.normal(size=(*taps, inputs, channels))
    bias = rng.normal(size=outputs)
    # Its gradient knows no dilation on a CPU: the taps are spread over a larger kernel of zeros instead.
    spread = [np.eye((k - 1) * d + 1)[:, ::d] for k, d in zip(taps, dilation)]
    tensors = [tf.constant(a) for a in (x, kernel, bias)]
    with tf.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        spread_kernel = tf.einsum("yk,xl,kl...->yx...", *spread, tensors[1])
        z = tensorflow_op(tensors[0], spread_kernel, [1, *stride, 1], padding) + tensors[2]
        delta = rng.normal(size=z.shape)
        loss = tf.reduce_sum(z * delta)
    dx, dw, db = (g.numpy() for g in tape.gradient(loss, tensors))

    reach = (taps - 1) * dilation + 1
    extra = (np.array(z.shape[1:3]) - 1) * stride + reach - size
    pads = tuple(int(e) // 2 for e in np.maximum(extra, 0)) if padding == "SAME" else (0, 0)

    def as_tflite(array):
        return array.reshape(1, *taps, outputs) if op == "depthwise_conv_2d" else array.transpose(3, 0, 1, 2)

    geometry = dict(stride=tuple(stride), dilation=dilation, pads=pads)
    forward = getattr(reference, f"{op}_forward")
    ours = forward(x, as_tflite(kernel), bias, output_size=z.shape[1:3], **geometry)
    np.testing.assert_allclose(ours, z, rtol=1e-11, atol=1e-11)
    for actual, expected in zip(BACKWARD[op](delta, x, as_tflite(kernel), **geometry), (dx, as_tflite(dw), db)):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)
