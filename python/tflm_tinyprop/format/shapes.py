"""Do an op's tensors fit each other? One rule for each kind of builtin op, by TFLite's definition of its output.

TFLM's kernels trust the shapes of a file: an output that is smaller than what an op computes is written beyond its end, and
a stride of 0 is divided by. So what an op reads and what it writes have to be what its definition makes of them. Shapes are
in elements, axes count from 0 or from the end. Kinds without a rule (`is_known`) cannot be judged from the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tflm_tinyprop.errors import ModelError

# TFLM's RuntimeShape holds so many dimensions, and its broadcasting kernels the second number; neither is checked there.
MOST_DIMENSIONS = 5
MOST_BROADCAST_DIMENSIONS = 4
_SAME = 0  # schema.Padding.SAME
_ACTIVATIONS = 6  # values of schema.ActivationFunctionType

Shape = tuple[int, ...]


class Misfit(ValueError):
    """An op's tensors or options contradict each other; the text goes behind its name."""


class BeyondTflm(Misfit):
    """What the op does is sound, but not what TFLM's kernel does."""


class OpView:
    """An op with its tensors in reach."""

    def __init__(self, graph, op):
        self._graph, self._op = graph, op
        self.kind, self.options = op.kind, op.options
        self.input_count, self.output_count = len(op.inputs), len(op.outputs)

    def has(self, position: int) -> bool:
        return position < len(self._op.inputs) and self._op.inputs[position] >= 0

    def _tensor(self, position: int):
        require(self.has(position), f"lacks its input {position}")
        return self._graph.tensors[self._op.inputs[position]]

    def input(self, position: int = 0, rank: int | None = None) -> Shape:
        shape = self._tensor(position).shape
        require(rank is None or len(shape) == rank, f"has an input {position} of shape {shape}, expected rank {rank}")
        return shape

    def inputs(self) -> list[Shape]:
        return [self.input(position) for position in range(self.input_count)]

    def output(self, position: int = 0, rank: int | None = None) -> Shape:
        shape = self._graph.tensors[self._op.outputs[position]].shape
        require(rank is None or len(shape) == rank, f"has an output of shape {shape}, expected rank {rank}")
        return shape

    def outputs(self) -> list[Shape]:
        return [self.output(position) for position in range(self.output_count)]

    def constant(self, position: int) -> list[int] | None:
        """Values of an input of integers; None if another op computes them."""
        tensor = self._tensor(position)
        if not tensor.is_constant:
            return None
        require(tensor.dtype is not None and tensor.dtype.kind == "i", f"has an input {position} that is not of integers")
        return [int(v) for v in tensor.array().reshape(-1)]

    def expect_output(self, expected: Shape) -> None:
        for position, shape in enumerate(self.outputs()):
            require(shape == tuple(expected), f"has an output {position} of shape {shape}, but computes {tuple(expected)}")

    def expect_size(self, expected: Shape) -> None:
        for position, shape in enumerate(self.outputs()):
            require(math.prod(shape) == math.prod(expected),
                    f"has an output {position} of shape {shape}, but computes {math.prod(expected)} elements")


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Misfit(what)


def _axis(axis: int, rank: int) -> int:
    require(-rank <= axis < rank, f"has an axis {axis}, its input {rank} dimensions")
    return axis % rank


def _window(op: OpView, size: tuple[int, int], covered: Shape) -> tuple[int, int]:
    """Positions (height, width) of a window of that size on a map [B, H, W, C]."""
    options = op.options
    strides = int(options.strideH), int(options.strideW)
    dilations = int(getattr(options, "dilationHFactor", 1)), int(getattr(options, "dilationWFactor", 1))
    require(options.padding in (_SAME, 1), f"has padding {options.padding}, which is neither SAME nor VALID")
    positions = []
    for axis in range(2):
        for name, value in (("size", size[axis]), ("stride", strides[axis]), ("dilation", dilations[axis])):
            require(1 <= value <= 0xFFFF, f"has a window {name} of {value}")
        reach = (size[axis] - 1) * dilations[axis] + 1
        free = covered[1 + axis] - (1 if options.padding == _SAME else reach)
        require(free >= 0, f"has a window of {reach} on a map of {covered[1 + axis]}, without padding")
        positions.append(free // strides[axis] + 1)
    return positions[0], positions[1]


def _bias(op: OpView, position: int, units: int) -> None:
    if op.has(position):
        require(math.prod(op.input(position)) == units, f"has a bias of shape {op.input(position)} for {units} outputs")


def _fully_connected(op: OpView) -> None:
    units, inputs = op.input(1, rank=2)
    x, y = op.input(), op.output()
    rows, rest = divmod(math.prod(x), inputs)
    require(rest == 0, f"has an input of shape {x} for weights of shape {op.input(1)}")
    require(len(y) >= 1 and y[-1] == units and math.prod(y) == rows * units,
            f"has an output of shape {y}, but computes {rows} rows of {units}")
    _bias(op, 2, units)


def _conv_2d(op: OpView) -> None:
    x, (units, *size, channels) = op.input(rank=4), op.input(1, rank=4)
    require(x[3] % channels == 0 and units % (x[3] // channels) == 0,
            f"has weights of shape {op.input(1)} for an input of shape {x}")
    _bias(op, 2, units)
    op.expect_output((x[0], *_window(op, tuple(size), x), units))


def _depthwise_conv_2d(op: OpView) -> None:
    x, (one, *size, units) = op.input(rank=4), op.input(1, rank=4)
    require(one == 1 and x[3] * int(op.options.depthMultiplier) == units,
            f"has weights of shape {op.input(1)} and a multiplier of {op.options.depthMultiplier} for an input of shape {x}")
    _bias(op, 2, units)
    op.expect_output((x[0], *_window(op, tuple(size), x), units))


def _transpose_conv(op: OpView) -> None:
    x, (units, *size, channels), y = op.input(2, rank=4), op.input(1, rank=4), op.output(rank=4)
    require(channels == x[3] and y[3] == units and y[0] == x[0],
            f"has weights of shape {op.input(1)} for an input of shape {x} and an output of shape {y}")
    shape = op.constant(0)
    require(shape is None or shape == list(y), f"has an output of shape {y}, but computes {shape}")
    require(_window(op, tuple(size), y) == x[1:3], f"has an input of shape {x} for an output of shape {y}")
    _bias(op, 3, units)


def _pool_2d(op: OpView) -> None:
    x = op.input(rank=4)
    size = int(op.options.filterHeight), int(op.options.filterWidth)
    op.expect_output((x[0], *_window(op, size, x), x[3]))


def _same_shape(op: OpView) -> None:
    op.expect_output(op.input())


def _same_size(op: OpView) -> None:
    op.expect_size(op.input())


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of what is computed from two shapes element by element, as NumPy's. Raises Misfit."""
    rank = max(len(a), len(b))
    long_a, long_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    require(all(m == n or 1 in (m, n) for m, n in zip(long_a, long_b, strict=True)), f"has inputs of shapes {a} and {b}")
    if a != b and rank > MOST_BROADCAST_DIMENSIONS:
        raise BeyondTflm(f"spreads shapes {a} and {b} over more than {MOST_BROADCAST_DIMENSIONS} dimensions")
    return tuple(max(m, n) for m, n in zip(long_a, long_b, strict=True))


def _binary(op: OpView) -> None:
    op.expect_output(broadcast(op.input(0), op.input(1)))


def _prelu(op: OpView) -> None:
    _binary(op)
    _same_shape(op)


def _reduce(op: OpView) -> None:
    x, axes = op.input(), op.constant(1)
    require(axes is not None, "computes the axes that it reduces")
    reduced = {_axis(a, len(x)) for a in axes}
    if op.options.keepDims:
        op.expect_output(tuple(1 if i in reduced else n for i, n in enumerate(x)))
    else:
        op.expect_output(tuple(n for i, n in enumerate(x) if i not in reduced))


def _expand_dims(op: OpView) -> None:
    x, axis = op.input(), op.constant(1)
    require(axis is not None and len(axis) == 1, "needs one constant axis")
    at = _axis(axis[0], len(x) + 1)
    op.expect_output((*x[:at], 1, *x[at:]))


def _pad(op: OpView) -> None:
    x, pads = op.input(), op.constant(1)
    require(len(x) <= MOST_BROADCAST_DIMENSIONS, f"has an input of shape {x}, which TFLM cannot pad")
    require(pads is not None and len(pads) == 2 * len(x) and min(pads, default=0) >= 0, f"has paddings {pads} for shape {x}")
    op.expect_output(tuple(n + pads[2 * i] + pads[2 * i + 1] for i, n in enumerate(x)))


def _concatenation(op: OpView) -> None:
    shapes = op.inputs()
    require(bool(shapes), "has no input")
    axis = _axis(int(op.options.axis), len(shapes[0]))
    other = [(len(s), s[:axis], s[axis + 1:]) for s in shapes]
    require(all(o == other[0] for o in other), f"joins shapes {', '.join(map(str, shapes))} on axis {axis}")
    op.expect_output((*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1:]))


def _slice(op: OpView) -> None:
    x, begin, size = op.input(), op.constant(1), op.constant(2)
    require(begin is not None and size is not None, "computes where it cuts")
    require(len(begin) == len(size) == len(x), f"cuts shape {x} from {begin}, {size} elements")
    sizes = [n - b if s == -1 else s for n, b, s in zip(x, begin, size, strict=True)]
    require(all(b >= 0 and s >= 1 and b + s <= n for n, b, s in zip(x, begin, sizes, strict=True)),
            f"cuts shape {x} from {begin}, {size} elements")
    op.expect_output(tuple(sizes))


def _strided_slice(op: OpView) -> None:
    x, options = op.input(), op.options
    begin, end, strides = (op.constant(p) for p in (1, 2, 3))
    require(begin is not None and end is not None and strides is not None, "computes where it cuts")
    require(len(begin) == len(end) == len(strides) == len(x) and 0 not in strides,
            f"cuts shape {x} from {begin} to {end} by {strides}")
    require(not options.ellipsisMask and not options.newAxisMask, "has an ellipsis or a new axis, which TFLM does not know")
    computed = []
    for i, n in enumerate(x):
        first = None if options.beginMask >> i & 1 else begin[i]
        last = None if options.endMask >> i & 1 else end[i]
        if options.shrinkAxisMask >> i & 1:
            require(-n <= begin[i] < n, f"takes element {begin[i]} of {n}")
            continue
        computed.append(len(range(n)[first:last:strides[i]]))
    op.expect_output(tuple(computed))


def _split(op: OpView) -> None:
    axis, x = op.constant(0), op.input(1)
    require(axis is not None and len(axis) == 1, "needs one constant axis")
    at, parts = _axis(axis[0], len(x)), op.output_count
    require(parts == int(op.options.numSplits) and x[at] % parts == 0, f"splits shape {x} on axis {at} into {parts} parts")
    op.expect_output((*x[:at], x[at] // parts, *x[at + 1:]))


def _split_v(op: OpView) -> None:
    x, sizes, axis = op.input(), op.constant(1), op.constant(2)
    require(axis is not None and len(axis) == 1, "needs one constant axis")
    at = _axis(axis[0], len(x))
    if sizes is not None:
        free = sizes.count(-1)
        sizes = [x[at] - (sum(sizes) + 1) if size == -1 else size for size in sizes]
        require(free <= 1 and min(sizes, default=0) >= 1 and sum(sizes) == x[at], f"splits shape {x} on axis {at} into {sizes}")
        expected = [(*x[:at], size, *x[at + 1:]) for size in sizes]
        require(op.outputs() == expected, f"has outputs of shapes {op.outputs()}, but computes {expected}")
    others = [(len(s), s[:at], s[at + 1:]) for s in op.outputs()]
    require(all(o == (len(x), x[:at], x[at + 1:]) for o in others) and sum(s[at] for s in op.outputs()) == x[at]
            and op.output_count == int(op.options.numSplits), f"splits shape {x} on axis {at} into {op.outputs()}")


def _broadcast_to(op: OpView) -> None:
    x, shape = op.input(), op.constant(1)
    require(shape is not None and len(x) <= len(shape), f"spreads shape {x} over {shape}")
    padded = (1,) * (len(shape) - len(x)) + x
    require(all(n in (1, m) for n, m in zip(padded, shape, strict=True)), f"spreads shape {x} over {shape}")
    op.expect_output(tuple(shape))


def _tile(op: OpView) -> None:
    x, times = op.input(), op.constant(1)
    if times is not None:
        require(len(times) == len(x) and min(times, default=1) >= 1, f"repeats shape {x} {times} times")
        op.expect_output(tuple(n * m for n, m in zip(x, times, strict=True)))


def _fill(op: OpView) -> None:
    shape = op.constant(0)
    require(math.prod(op.input(1)) == 1, f"fills with a value of shape {op.input(1)}")
    if shape is not None:
        op.expect_output(tuple(shape))


def _select(op: OpView) -> None:
    condition, x = op.input(0), op.input(1)
    require(op.input(2) == x, f"chooses among shapes {x} and {op.input(2)}")
    require(condition in (x, x[:1], ()), f"has a condition of shape {condition} for shape {x}")
    op.expect_output(x)


def _select_v2(op: OpView) -> None:
    shape = op.input(1)
    for other in (op.input(0), op.input(2)):
        rank = max(len(shape), len(other))
        a, b = ((1,) * (rank - len(s)) + s for s in (shape, other))
        require(all(m == n or 1 in (m, n) for m, n in zip(a, b, strict=True)), f"chooses among shapes {shape} and {other}")
        shape = tuple(max(m, n) for m, n in zip(a, b, strict=True))
    op.expect_output(shape)


def _reverse(op: OpView) -> None:
    x, axes = op.input(0), op.constant(1)
    if axes is not None:
        at = {_axis(axis, len(x)) for axis in axes}
        require(len(at) == len(axes), f"reverses axes {axes}")
    op.expect_output(x)


def _batch_matmul(op: OpView) -> None:
    a, b = op.input(0), op.input(1)
    require(len(a) >= 2 and len(b) >= 2, f"multiplies shapes {a} and {b}")
    rows, of_a = a[-2:][::-1] if op.options.adjX else a[-2:]
    of_b, columns = b[-2:][::-1] if op.options.adjY else b[-2:]
    require(of_a == of_b, f"multiplies shapes {a} and {b}")
    op.expect_output((*broadcast(a[:-2], b[:-2]), rows, columns))


def _pack(op: OpView) -> None:
    shapes = op.inputs()
    require(bool(shapes) and all(s == shapes[0] for s in shapes), f"stacks shapes {', '.join(map(str, shapes))}")
    require(int(op.options.valuesCount) == len(shapes), f"stacks {op.options.valuesCount} tensors, has {len(shapes)}")
    at = _axis(int(op.options.axis), len(shapes[0]) + 1)
    op.expect_output((*shapes[0][:at], len(shapes), *shapes[0][at:]))


def _unpack(op: OpView) -> None:
    x = op.input()
    at = _axis(int(op.options.axis), len(x))
    require(int(op.options.num) == op.output_count == x[at], f"takes shape {x} apart into {op.output_count} tensors")
    op.expect_output((*x[:at], *x[at + 1:]))


def _transpose(op: OpView) -> None:
    x, order = op.input(), op.constant(1)
    require(order is not None and sorted(order) == list(range(len(x))), f"orders the dimensions of {x} as {order}")
    op.expect_output(tuple(x[i] for i in order))


def _shape(op: OpView) -> None:
    op.expect_output((len(op.input()),))


def _resize(op: OpView) -> None:
    x, size = op.input(rank=4), op.constant(1)
    require(size is not None and len(size) == 2, "needs a constant size of two")
    op.expect_output((x[0], *size, x[3]))


def _arg(op: OpView) -> None:
    x, axis = op.input(), op.constant(1)
    require(axis is not None and len(axis) == 1, "needs one constant axis")
    at = _axis(axis[0], len(x))
    op.expect_output((*x[:at], *x[at + 1:]))


def _gather(op: OpView) -> None:
    x, picked, at = op.input(), op.input(1), _axis(int(op.options.axis), len(op.input()))
    require(not op.options.batchDims, "gathers sample by sample, which is not supported here")
    indices = op.constant(1)
    require(indices is None or all(0 <= i < x[at] for i in indices), f"takes elements {indices} of {x[at]}")
    op.expect_output((*x[:at], *picked, *x[at + 1:]))


_MANY = 1 << 16
# Kind: rule, fewest and most inputs, most outputs.
_RULES: dict[str, tuple[Callable[[OpView], None], int, int, int]] = {
    "FULLY_CONNECTED": (_fully_connected, 2, 3, 1),
    "CONV_2D": (_conv_2d, 2, 3, 1),
    "DEPTHWISE_CONV_2D": (_depthwise_conv_2d, 2, 3, 1),
    "TRANSPOSE_CONV": (_transpose_conv, 3, 4, 1),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), (_pool_2d, 1, 1, 1)),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD",
                     "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL",
                     "LOGICAL_AND", "LOGICAL_OR"), (_binary, 2, 2, 1)),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "ELU", "TANH", "LOGISTIC", "HARD_SWISH",
                     "SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION", "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE",
                     "SIN", "COS", "FLOOR", "CEIL", "ROUND", "LOGICAL_NOT", "ZEROS_LIKE", "QUANTIZE", "DEQUANTIZE",
                     "CAST"), (_same_shape, 1, 1, 1)),
    "PRELU": (_prelu, 2, 2, 1),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), (_reduce, 2, 2, 1)),
    "RESHAPE": (_same_size, 1, 2, 1),
    "SQUEEZE": (_same_size, 1, 1, 1),
    "EXPAND_DIMS": (_expand_dims, 2, 2, 1),
    "PAD": (_pad, 2, 2, 1),
    "PADV2": (_pad, 3, 3, 1),
    "CONCATENATION": (_concatenation, 1, _MANY, 1),
    "SLICE": (_slice, 3, 3, 1),
    "STRIDED_SLICE": (_strided_slice, 4, 4, 1),
    "SPLIT": (_split, 2, 2, _MANY),
    "SPLIT_V": (_split_v, 3, 3, _MANY),
    "BROADCAST_TO": (_broadcast_to, 2, 2, 1),
    "TILE": (_tile, 2, 2, 1),
    "FILL": (_fill, 2, 2, 1),
    "SELECT": (_select, 3, 3, 1),
    "SELECT_V2": (_select_v2, 3, 3, 1),
    "REVERSE_V2": (_reverse, 2, 2, 1),
    "BATCH_MATMUL": (_batch_matmul, 2, 2, 1),
    "PACK": (_pack, 1, _MANY, 1),
    "UNPACK": (_unpack, 1, 1, _MANY),
    "TRANSPOSE": (_transpose, 2, 2, 1),
    "SHAPE": (_shape, 1, 1, 1),
    "GATHER": (_gather, 2, 2, 1),
    **dict.fromkeys(("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"), (_resize, 2, 2, 1)),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), (_arg, 2, 2, 1)),
}


def is_known(kind: str) -> bool:
    """Whether there is a rule for this kind of op."""
    return kind in _RULES


def check_shapes(graph, op, source: str) -> None:
    """Raises ModelError unless the op's tensors and options fit each other. Kinds without a rule pass."""
    if is_known(op.kind) and not op.is_custom:
        check_rule(graph, op, source, *_RULES[op.kind])


def check_rule(graph, op, source: str, rule: Callable[[OpView], None], fewest: int, most: int, outputs: int) -> None:
    """Applies a rule to an op with that many inputs and at most so many outputs. Raises ModelError."""
    view = OpView(graph, op)
    try:
        require(fewest <= view.input_count <= most, f"has {view.input_count} inputs")
        require(1 <= view.output_count <= outputs, f"has {view.output_count} outputs")
        activation = int(getattr(view.options, "fusedActivationFunction", 0))
        require(0 <= activation < _ACTIVATIONS, f"has an unknown activation, {activation}")
        rule(view)
    except Misfit as error:
        name = graph.tensors[op.outputs[0]].name if op.outputs else ""
        remedy = ("TFLM has no such kernel: build the model without this layer" if isinstance(error, BeyondTflm)
                  else "the file is damaged: export it again")
        raise ModelError(f"{source}: op {op.kind} ('{name}') {error}; {remedy}") from None
