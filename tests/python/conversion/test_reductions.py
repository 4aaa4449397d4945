"""Rules of ops that reduce axes or resize maps: gradients in the interpreter against tf.GradientTape."""

import numpy as np
import pytest
from probe import check, each_configuration, random_map
from test_refusals import Case

from tflm_tinyprop.format.graph import builtin_options

COUNT = 100


def side_by_side(generator, rank: int) -> list[int]:
    first = int(generator.integers(1, rank))
    return list(range(first, int(generator.integers(first + 1, rank + 1))))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_largest_and_smallest(kind, ties):
    import tensorflow as tf

    reduce = {"REDUCE_MAX": tf.reduce_max, "REDUCE_MIN": tf.reduce_min}[kind]
    for generator in each_configuration(kind, COUNT):
        values = random_map(generator, int(generator.integers(2, 5)))
        if ties:
            values = generator.integers(-1, 2, values.shape).astype(np.float32)
        axes = side_by_side(generator, values.ndim)
        keep = bool(generator.integers(2))

        def build(probe, axes=axes, keep=keep):
            shape = reduce(probe.values, axes, keepdims=keep).shape
            signed = [a - probe.values.ndim if a % 2 else a for a in axes]
            return probe.op(kind, [probe.input, probe.constant(np.array(signed, np.int32))], shape,
                            builtin_options("ReducerOptions", keepDims=keep))

        check(values, build, lambda x, a=axes, k=keep: reduce(x, a, keepdims=k), generator)


def test_axes_of_size_1_may_lie_between():
    import tensorflow as tf

    for generator in each_configuration("REDUCE_MAX around an axis of size 1", COUNT):
        values = random_map(generator, 4)[:, :, :1]
        check(values, lambda probe: probe.op(
            "REDUCE_MAX", [probe.input, probe.constant(np.array([1, 3], np.int32))], (len(probe.values), 1),
            builtin_options("ReducerOptions")), lambda x: tf.reduce_max(x, [1, 3]), generator)


def test_sum():
    import tensorflow as tf

    for generator in each_configuration("SUM", COUNT):
        values = random_map(generator)
        axes = sorted(generator.choice([1, 2, 3], int(generator.integers(1, 4)), replace=False).tolist())
        keep = bool(generator.integers(2))

        def build(probe, axes=axes, keep=keep):
            shape = tf.reduce_sum(probe.values, axes, keepdims=keep).shape
            return probe.op("SUM", [probe.input, probe.constant(np.array(axes, np.int32))], shape,
                            builtin_options("ReducerOptions", keepDims=keep))

        check(values, build, lambda x, a=axes, k=keep: tf.reduce_sum(x, a, keepdims=k), generator)


@pytest.mark.parametrize("kind", ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"])
def test_resizing(kind):
    import tensorflow as tf

    op, options = {"RESIZE_NEAREST_NEIGHBOR": (tf.raw_ops.ResizeNearestNeighbor, "ResizeNearestNeighborOptions"),
                   "RESIZE_BILINEAR": (tf.raw_ops.ResizeBilinear, "ResizeBilinearOptions")}[kind]
    for generator in each_configuration(kind, COUNT):
        values = random_map(generator)
        if generator.random() < 0.5:
            size = [n * int(generator.integers(1, 4)) for n in values.shape[1:3]]
        else:
            size = generator.integers(1, 11, 2).tolist()
        corners, centers = ((False, False), (True, False), (False, True))[generator.integers(3)]

        def function(x, size=size, corners=corners, centers=centers):
            return op(images=x, size=size, align_corners=corners, half_pixel_centers=centers)

        def build(probe, size=size, corners=corners, centers=centers):
            shape = (len(probe.values), *size, probe.values.shape[3])
            raw = builtin_options(options, alignCorners=corners, halfPixelCenters=centers)
            return probe.op(kind, [probe.input, probe.constant(np.array(size, np.int32))], shape, raw)

        check(values, build, function, generator)


@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_what_reductions_refuse(kind):
    case, integer = Case(), np.dtype(np.int32)
    x, y = case.computed(1, 2, 3, 4), case.computed(1, 3)

    def problem(axes, x=x):
        return case.problem(kind, [x, axes], y, builtin_options("ReducerOptions"))

    assert problem(case.constant(np.array([1, 2], np.int32))) is None
    assert problem(case.constant(np.array([3, 0, 1, -2], np.int32))) is None
    assert "do not lie side by side; reduce them one after the other" in problem(case.constant(np.array([1, 3], np.int32)))
    assert "do not lie side by side" in problem(case.constant(np.array([3, 1, 0], np.int32)))
    assert "its axes are computed" in problem(case.computed(1, dtype=integer))
    assert "is int8" in problem(case.constant(np.array([1], np.int32)), case.computed(1, 2, 3, 4, dtype=np.dtype(np.int8)))


@pytest.mark.parametrize("kind", ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"])
def test_what_resizing_refuses(kind):
    case = Case()
    size, y = case.constant(np.array([4, 4], np.int32)), case.computed(1, 4, 4, 3)
    assert case.problem(kind, [case.computed(1, 2, 2, 3), size], y) is None
    assert "is int8" in case.problem(kind, [case.computed(1, 2, 2, 3, dtype=np.dtype(np.int8)), size], y)


