"""Rules of ops that take parts of a tensor or put parts together: gradients in the interpreter against tf.GradientTape."""

import numpy as np
import pytest
from probe import Probe, check, each_configuration, random_map
from test_refusals import Case

from tflm_tinyprop.format.graph import builtin_options

INT = np.int32
COUNT = 100


def strided_slice(probe: Probe, begin, end, strides, shape, **masks) -> int:
    bounds = [probe.constant(np.array(values, INT)) for values in (begin, end, strides)]
    return probe.op("STRIDED_SLICE", [probe.input, *bounds], shape, builtin_options("StridedSliceOptions", **masks))


def random_parts(generator, shape):
    """Masks and bounds of a slice that TFLM accepts and that is not empty, and the same for TensorFlow."""
    begin, end, strides, masks = [0], [shape[0]], [1], {"begin_mask": 1, "end_mask": 0, "shrink_axis_mask": 0}
    for axis, size in enumerate(shape[1:], 1):
        first = int(generator.integers(0, size))
        last = int(generator.integers(first + 1, size + 1))
        strides.append(int(generator.integers(1, 4)) if generator.random() < 0.4 else 1)
        if generator.random() < 0.25:  # from behind
            strides[-1] *= -1
            first, last = (first - 1, last - 1) if first > 0 else (None, last - 1)
            begin.append(last)
            end.append(0 if first is None else first)
            masks["end_mask"] |= (first is None) << axis
            continue
        if generator.random() < 0.3 and masks["shrink_axis_mask"].bit_count() < 2:
            masks["shrink_axis_mask"] |= 1 << axis
            last = first + 1
        elif generator.random() < 0.3:
            masks["begin_mask"] |= 1 << axis
        elif generator.random() < 0.3:
            masks["end_mask"] |= 1 << axis
        begin.append(first - size if generator.random() < 0.5 else first)
        end.append(last - size if last < size and generator.random() < 0.5 else last)
    return begin, end, strides, masks


def test_strided_slice():
    import tensorflow as tf

    for generator in each_configuration("STRIDED_SLICE", COUNT):
        values = random_map(generator)
        begin, end, strides, masks = random_parts(generator, values.shape)

        def function(x, begin=begin, end=end, strides=strides, masks=masks):
            return tf.strided_slice(x, begin, end, strides, **masks)

        def build(probe, begin=begin, end=end, strides=strides, masks=masks, function=function):
            shape = function(probe.values).shape
            return strided_slice(probe, begin, end, strides, shape, beginMask=masks["begin_mask"], endMask=masks["end_mask"],
                                 shrinkAxisMask=masks["shrink_axis_mask"])

        check(values, build, function, generator)


def test_slice():
    import tensorflow as tf

    for generator in each_configuration("SLICE", COUNT):
        values = random_map(generator, 5 if generator.random() < 0.2 else 4)
        begin = [0, *(int(generator.integers(0, size)) for size in values.shape[1:])]
        size = [-1 if generator.random() < 0.3 else int(generator.integers(1, n - b + 1))
                for b, n in zip(begin, values.shape, strict=True)]
        size[0] = len(values)

        def build(probe, begin=begin, size=size):
            shape = tf.slice(probe.values, begin, size).shape
            bounds = [probe.constant(np.array(v, INT)) for v in (begin, size)]
            return probe.op("SLICE", [probe.input, *bounds], shape, builtin_options("SliceOptions"))

        check(values, build, lambda x, b=begin, s=size: tf.slice(x, b, s), generator)


def test_gather():
    import tensorflow as tf

    for generator in each_configuration("GATHER", COUNT):
        values = random_map(generator, int(generator.integers(2, 4)))
        axis = int(generator.integers(1, values.ndim))
        indices = generator.integers(0, values.shape[axis], generator.integers(1, 5, int(generator.integers(0, 3)))).astype(INT)

        def build(probe, axis=axis, indices=indices):
            shape = np.take(probe.values, indices, axis).shape
            raw = builtin_options("GatherOptions", axis=axis if axis % 2 else axis - probe.values.ndim)
            return probe.op("GATHER", [probe.input, probe.constant(indices)], shape, raw)

        check(values, build, lambda x, a=axis, i=indices: tf.gather(x, i, axis=a), generator)


def test_reverse():
    import tensorflow as tf

    for generator in each_configuration("REVERSE_V2", COUNT):
        values = random_map(generator)
        # TFLM reverses axes side by side only.
        axes = list(range(int(generator.integers(1, 4)), 4))[: int(generator.integers(1, 4))]

        def build(probe, axes=axes):
            return probe.op("REVERSE_V2", [probe.input, probe.constant(np.array(axes, INT))], probe.values.shape,
                            builtin_options("ReverseV2Options"))

        check(values, build, lambda x, a=axes: tf.reverse(x, a), generator)


def chosen(generator, parts: int) -> list[int]:
    """Some of the parts, or all of them."""
    if generator.random() < 0.5:
        return list(range(parts))
    return sorted(generator.choice(parts, int(generator.integers(1, parts + 1)), replace=False).tolist())


def summed(probe: Probe, tensors, shapes) -> int:
    """The parts' sums over all dimensions but the first, added up: one output that depends on all of them."""
    total = None
    for number, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
        tensor = probe.op("TANH", [tensor], shape)
        flat = probe.reshape(tensor, (shape[0], int(np.prod(shape[1:]))))
        axes = probe.constant(np.array([1], INT))
        part = probe.op("MEAN", [flat, axes], (shape[0], 1), builtin_options("ReducerOptions", keepDims=True))
        scale = probe.constant(np.full((1, 1), 1.0 + number, np.float32))
        part = probe.op("MUL", [part, scale], (shape[0], 1), builtin_options("MulOptions"))
        total = part if total is None else probe.op("ADD", [total, part], (shape[0], 1), builtin_options("AddOptions"))
    return total


def summed_in_tensorflow(parts):
    import tensorflow as tf

    return sum((1.0 + number) * tf.reduce_mean(tf.reshape(tf.tanh(p), [p.shape[0], -1]), 1, keepdims=True)
               for number, p in enumerate(parts))


@pytest.mark.parametrize("kind", ["SPLIT", "SPLIT_V"])
def test_splits_of_which_the_loss_sees_some_parts(kind):
    import tensorflow as tf

    for generator in each_configuration(kind, COUNT):
        axis = int(generator.integers(1, 4))
        count = int(generator.integers(1, 13))
        sizes = [int(generator.integers(1, 4))] * count if kind == "SPLIT" else generator.integers(1, 4, count).tolist()
        shape = [int(generator.integers(1, 3)), *generator.integers(1, 4, 3).tolist()]
        shape[axis] = sum(sizes)
        values = generator.normal(size=shape).astype(np.float32)
        seen = chosen(generator, count)

        def build(probe, axis=axis, sizes=sizes, seen=seen):
            shapes = [tuple(size if a == axis else n for a, n in enumerate(probe.values.shape)) for size in sizes]
            axis_tensor = probe.constant(np.array(axis if axis % 2 else axis - 4, INT))
            if kind == "SPLIT":
                inputs, raw = [axis_tensor, probe.input], builtin_options("SplitOptions", numSplits=len(sizes))
            else:
                inputs = [probe.input, probe.constant(np.array(sizes, INT)), axis_tensor]
                raw = builtin_options("SplitVOptions", numSplits=len(sizes))
            outputs = probe.op_with_outputs(kind, inputs, shapes, raw)
            return summed(probe, [outputs[i] for i in seen], [shapes[i] for i in seen])

        def function(x, axis=axis, sizes=sizes, seen=seen):
            parts = tf.split(x, sizes, axis)
            return summed_in_tensorflow([parts[i] for i in seen])

        check(values, build, function, generator)


def test_unpack_of_which_the_loss_sees_some_parts():
    import tensorflow as tf

    for generator in each_configuration("UNPACK", COUNT):
        values = random_map(generator, int(generator.integers(2, 5)))
        axis = int(generator.integers(1, values.ndim))
        seen = chosen(generator, values.shape[axis])

        def build(probe, axis=axis, seen=seen):
            shape = tuple(n for a, n in enumerate(probe.values.shape) if a != axis)
            count = probe.values.shape[axis]
            raw = builtin_options("UnpackOptions", num=count, axis=axis if axis % 2 else axis - probe.values.ndim)
            outputs = probe.op_with_outputs("UNPACK", [probe.input], [shape] * count, raw)
            return summed(probe, [outputs[i] for i in seen], [shape] * len(seen))

        def function(x, axis=axis, seen=seen):
            parts = tf.unstack(x, axis=axis)
            return summed_in_tensorflow([tf.reshape(parts[i], [len(x), -1]) for i in seen])

        check(values, build, function, generator)


def test_pack():
    import tensorflow as tf

    for generator in each_configuration("PACK", COUNT):
        values = random_map(generator, int(generator.integers(2, 4)))
        axis = int(generator.integers(1, values.ndim + 1))
        constant = generator.normal(size=values.shape).astype(np.float32)

        def build(probe, axis=axis, constant=constant):
            parts = [probe.op("TANH", [probe.input], probe.values.shape), probe.constant(constant), probe.input]
            shape = list(probe.values.shape)
            shape.insert(axis, 3)
            raw = builtin_options("PackOptions", valuesCount=3, axis=axis if axis % 2 else axis - len(shape))
            return probe.op("PACK", parts, shape, raw)

        check(values, build, lambda x, a=axis, c=constant: tf.stack([tf.tanh(x), c, x], a), generator)


def test_what_slices_and_splits_refuse():
    case = Case()
    x, y, bounds = case.computed(2, 4), case.computed(2, 1), case.computed(2, dtype=np.dtype(INT))
    begin, one, axis = (case.constant(np.array(v, INT)) for v in ([0, 1], [1, 1], 1))
    assert case.problem("SLICE", [x, begin, one], y) is None
    assert "its begin tensor is computed" in case.problem("SLICE", [x, bounds, one], y)
    assert case.problem("SPLIT", [axis, x], y) is None
    assert "its axis is computed" in case.problem("SPLIT", [bounds, x], y)
    assert "its axis is computed" in case.problem("SPLIT_V", [x, one, bounds], y)
    integers = case.computed(2, 4, dtype=np.dtype(np.int8))
    for kind, inputs in (("SLICE", [integers, begin, one]), ("SPLIT", [axis, integers]), ("SPLIT_V", [integers, one, axis]),
                         ("UNPACK", [integers]), ("PACK", [integers, x])):
        assert "is int8, only float32" in case.problem(kind, inputs, y, builtin_options("UnpackOptions"))


def test_what_a_strided_slice_refuses():
    case = Case()
    x, y, computed = case.computed(2, 4), case.computed(2, 2), case.computed(2, dtype=np.dtype(INT))

    def problem(begin, strides, **masks):
        inputs = [x, begin, case.constant(np.array([2, 4], INT)), strides]
        return case.problem("STRIDED_SLICE", inputs, y, builtin_options("StridedSliceOptions", **masks))

    begin, ones, twos = (case.constant(np.array(v, INT)) for v in ([0, 1], [1, 1], [1, 2]))
    assert problem(begin, ones) is None
    assert "its begin tensor is computed" in problem(computed, ones)
    assert "its strides tensor is computed" in problem(begin, computed)
    for mask in ("ellipsisMask", "newAxisMask", "offset"):
        assert "an ellipsis, a new axis or an offset" in problem(begin, ones, **{mask: 1})


def test_what_gather_and_reverse_refuse():
    case = Case()
    x, y, computed = case.computed(2, 4), case.computed(2, 1), case.computed(1, dtype=np.dtype(INT))
    indices, raw = case.constant(np.array([1], INT)), builtin_options("GatherOptions", axis=1)
    assert case.problem("GATHER", [x, indices], y, raw) is None
    assert "its indices tensor is computed" in case.problem("GATHER", [x, computed], y, raw)
    batched = builtin_options("GatherOptions", axis=1, batchDims=1)
    assert "it has batch dimensions" in case.problem("GATHER", [x, indices], y, batched)
    assert case.problem("REVERSE_V2", [x, indices], x) is None
    assert "its axes are computed" in case.problem("REVERSE_V2", [x, computed], x)
