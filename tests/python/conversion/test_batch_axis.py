"""Where the samples of a batch are behind ops that move axes."""

import numpy as np
import pytest
from probe import Probe

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.batch_axis import batch_axes
from tflm_tinyprop.format.graph import builtin_options

BATCH, STEPS, FEATURES = 3, 4, 5


@pytest.fixture
def probe():
    return Probe(np.random.default_rng(1).normal(size=(BATCH, STEPS, FEATURES)))


def transpose(probe, tensor, order):
    shape = [probe.graph.tensors[tensor].shape[axis] for axis in order]
    return probe.op("TRANSPOSE", [tensor, probe.constant(np.array(order, np.int32))], shape, builtin_options("TransposeOptions"))


def dense(probe, x, units):
    kernel = probe.constant(np.eye(units, FEATURES, dtype=np.float32), "model/above/kernel")
    shape = (*probe.graph.tensors[x].shape[:-1], units)
    raw = builtin_options("FullyConnectedOptions", keepNumDims=True)
    return probe.op("FULLY_CONNECTED", [x, kernel, -1], shape, raw, name="model/above/output")


def test_the_axis_is_followed(probe):
    time_first = transpose(probe, probe.input, [1, 0, 2])
    active = probe.op("TANH", [time_first], (STEPS, BATCH, FEATURES))
    bounds = [probe.constant(np.array(v, np.int32)) for v in ([1, 0, 0], [2, 0, 0], [1, 1, 1])]
    step = probe.op("STRIDED_SLICE", [active, *bounds], (BATCH, FEATURES), builtin_options(
        "StridedSliceOptions", beginMask=6, endMask=6, shrinkAxisMask=1))
    unpacked = probe.op("UNPACK", [active], (BATCH, FEATURES), builtin_options("UnpackOptions", num=STEPS, axis=0))
    back = transpose(probe, active, [1, 0, 2])
    lost = probe.reshape(time_first, (STEPS, BATCH * FEATURES))
    both = probe.op("ADD", [active, probe.reshape(back, (STEPS, BATCH, FEATURES))], (STEPS, BATCH, FEATURES))
    axes = batch_axes(probe.graph, BATCH)
    assert [axes[t] for t in (probe.input, time_first, active, step, unpacked, back, lost, both)] == [0, 1, 1, 0, 0, 0, None, None]


def test_the_axis_is_followed_through_ops_that_add_or_remove_axes(probe):
    options = builtin_options("ReducerOptions")
    stacked = probe.op("PACK", [probe.input] * 2, (2, BATCH, STEPS, FEATURES), builtin_options("PackOptions", valuesCount=2, axis=0))
    behind = probe.op("PACK", [stacked] * 2, (2, BATCH, 2, STEPS, FEATURES), builtin_options("PackOptions", valuesCount=2, axis=2))
    summed = probe.op("SUM", [stacked, probe.constant(np.array([0, -1], np.int32))], (BATCH, STEPS), options)
    largest = probe.op("REDUCE_MAX", [stacked, probe.constant(np.array([2], np.int32))], (2, BATCH, FEATURES), options)
    gone = probe.op("MEAN", [stacked, probe.constant(np.array([1], np.int32))], (2, STEPS, FEATURES), options)
    apart = probe.op("UNPACK", [stacked], (2, STEPS, FEATURES), builtin_options("UnpackOptions", num=BATCH, axis=1))
    axes = batch_axes(probe.graph, BATCH)
    assert [axes[t] for t in (stacked, behind, summed, largest, gone, apart)] == [1, 1, 0, 1, None, None]


@pytest.mark.parametrize("batch", [1, BATCH])
def test_a_layer_whose_samples_are_not_in_front_trains_with_batch_1_only(batch):
    probe = Probe(np.random.default_rng(1).normal(size=(batch, STEPS, FEATURES)))
    output = dense(probe, transpose(probe, probe.input, [1, 0, 2]), 2)
    output = transpose(probe, output, [1, 0, 2])
    if batch == 1:
        assert probe.model(output).training.layers[-1].name == "above"
        return
    with pytest.raises(tp.ModelError, match=r"'above' \(FULLY_CONNECTED\) has its samples along another axis .* batch_size=1"):
        probe.model(output)
    probe = Probe(probe.values)
    in_front = transpose(probe, transpose(probe, probe.input, [1, 0, 2]), [1, 0, 2])
    assert probe.model(dense(probe, in_front, 2)).training.layers[-1].name == "above"
