"""Custom options: the same bytes as cc/tflm/op_options.cc reads, and clear refusals."""

import pytest

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import options

CASES = [
    (options.INITIALIZE, options.InitializeOptions(2, 7), "0100 0800 0200 0700"),
    (options.SOFTMAX_CROSS_ENTROPY, options.LossOptions(1, 3), "0100 0600 01 03"),
    (options.SOFTMAX_CROSS_ENTROPY, options.LossOptions(1, 3, 0.25), "0200 1000 01 03 0000 0000803e 0000803f"),
    (options.op_kind("Huber"), options.LossOptions(1, 0, 0.0, 2.0), "0200 1000 01 00 0000 00000000 00000040"),
    (options.DECISION, options.DecisionOptions(), "0100 0400"),
    (options.DECISION, options.DecisionOptions(0.25), "0200 0800 0000803e"),
    (options.op_kind("FullyConnectedGrad"), options.LayerGradOptions(1, 6, 3, 258), "0100 0a00 01 06 0300 0201"),
    (
        options.op_kind("Conv2DGrad"),
        options.ConvGradOptions(1, 6, 3, 258, 1, 2, 3, 4, 5, 770),
        "0100 1600 01 06 0300 0201 0100 0200 0300 0400 0500 0203",
    ),
    (
        options.op_kind("DepthwiseConv2DGrad"),
        options.ConvGradOptions(3, 0, 1, 0, 2, 2, 1, 1, 0, 1),
        "0100 1600 03 00 0100 0000 0200 0200 0100 0100 0000 0100",
    ),
    (
        options.AVERAGE_POOL_2D_GRAD,
        options.PoolGradOptions(2, 258, 3, 4, 1, 1, 5, 6),
        "0100 1400 0200 0201 0300 0400 0100 0100 0500 0600",
    ),
    (
        options.MAX_POOL_2D_GRAD,
        options.PoolGradOptions(2, 2, 2, 2, 1, 1, 0, 0),
        "0100 1400 0200 0200 0200 0200 0100 0100 0000 0000",
    ),
    (options.ACTIVATION_GRAD, options.ActivationGradOptions(4, 0.25), "0100 0c00 04 000000 0000803e"),
    (options.SOFTMAX_GRAD, options.SoftmaxGradOptions(2.0), "0100 0800 00000040"),
    (options.REDUCE_MAX_GRAD, options.ReduceGradOptions(1, 2), "0100 0600 01 02"),
    (options.SCATTER_ADD, options.ScatterAddOptions(258), "0100 0600 0201"),
    (options.RESET_STATE, options.ResetStateOptions(258, 1), "0100 0800 0201 0100"),
]

UNKNOWN = [
    (options.op_kind("FullyConnectedGrad"), options.LayerGradOptions(9, 6, 1, 0)),
    (options.op_kind("Conv2DGrad"), options.ConvGradOptions(4, 6, 1, 0, 1, 1, 1, 1, 0, 0)),
    (options.op_kind("Conv2DGrad"), options.ConvGradOptions(0, 8, 1, 0, 1, 1, 1, 1, 0, 0)),
    (options.op_kind("Conv2DGrad"), options.ConvGradOptions(0, 6, 0, 0, 1, 1, 1, 1, 0, 0)),
    (options.op_kind("Conv2DGrad"), options.ConvGradOptions(0, 6, 1, 0, 0, 1, 1, 1, 0, 0)),
    (options.op_kind("DepthwiseConv2DGrad"), options.ConvGradOptions(0, 6, 1, 0, 1, 1, 1, 0, 0, 0)),
    (options.op_kind("TransposeConvGrad"), options.ConvGradOptions(0, 6, 1, 0, 1, 0, 1, 1, 0, 0)),
    (options.op_kind("Conv2DGrad"), options.ConvGradOptions(0, 6, 1, 0, 1, 1, 0, 1, 0, 0)),
    (options.AVERAGE_POOL_2D_GRAD, options.PoolGradOptions(0, 2, 1, 1, 1, 1, 0, 0)),
    (options.AVERAGE_POOL_2D_GRAD, options.PoolGradOptions(2, 0, 1, 1, 1, 1, 0, 0)),
    (options.MAX_POOL_2D_GRAD, options.PoolGradOptions(2, 2, 1, 0, 1, 1, 0, 0)),
    (options.ACTIVATION_GRAD, options.ActivationGradOptions(len(options.ELEMENTWISE_ACTIVATIONS), 0.0)),
    (options.REDUCE_MAX_GRAD, options.ReduceGradOptions(1, 0)),
    (options.MEAN_SQUARED_ERROR, options.LossOptions(2, 0)),
    (options.SOFTMAX_CROSS_ENTROPY, options.LossOptions(1, 0, 1.5)),
    (options.SOFTMAX_CROSS_ENTROPY, options.LossOptions(1, 0, float("nan"))),
    (options.op_kind("Huber"), options.LossOptions(1, 0, 0.0, -1.0)),
    (options.DECISION, options.DecisionOptions(-0.5)),
    (options.DECISION, options.DecisionOptions(float("nan"))),
    (options.MEAN_SQUARED_ERROR, options.LossOptions(1, 4)),
]


@pytest.mark.parametrize(("op", "value", "content"), CASES)
def test_bytes_are_those_of_the_specification(op, value, content):
    assert value.pack() == bytes.fromhex(content)
    assert options.unpack(op, value.pack()) == value


@pytest.mark.parametrize(("op", "value", "_"), CASES)
def test_every_truncation_is_damage(op, value, _):
    for length in range(len(value.pack())):
        with pytest.raises(ModelError, match=f"{op}.*damaged"):
            options.unpack(op, value.pack()[:length])


@pytest.mark.parametrize(("op", "value", "_"), CASES)
def test_a_header_that_does_not_fit_is_damage(op, value, _):
    content = value.pack()
    for header in (b"\0\0" + content[2:4], content[:2] + bytes([content[2] + 1, 0]), content[:2] + b"\0\0"):
        with pytest.raises(ModelError, match=f"{op}.*damaged"):
            options.unpack(op, header + content[4:])
    with pytest.raises(ModelError, match=f"{op}.*damaged"):
        options.unpack(op, content + b"\0")


@pytest.mark.parametrize(("op", "value", "_"), CASES)
def test_a_newer_version_says_so(op, value, _):
    version = value.STRUCT.version + 1
    newer = bytes([version, 0]) + value.pack()[2:]
    with pytest.raises(ModelError, match=f"version {version}.*update"):
        options.unpack(op, newer)


@pytest.mark.parametrize(("op", "value"), UNKNOWN)
def test_unknown_values(op, value):
    with pytest.raises(ModelError, match=f"{op}.*unknown value"):
        options.unpack(op, value.pack())


def test_unknown_ops():
    with pytest.raises(ModelError, match="TinyPropNew.*known"):
        options.unpack("TinyPropNew", b"")
