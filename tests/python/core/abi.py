"""cc/core through ctypes, with guard bytes around every buffer.

Each method takes and returns NumPy arrays; inputs are never changed. After every call the bytes before
and after each buffer, and all read-only buffers, must be what they were.
"""

import ctypes
import os

import numpy as np

GUARD_BYTE = 0xA5
# A multiple of 4 but not of 16: buffers get the alignment of a float and no more.
GUARD_SIZE = 68


class Out:
    """Marks an array that the function writes; the result is copied back into it."""

    def __init__(self, array: np.ndarray):
        self.array = array


class GuardedBuffer:
    """A copy of an array between guard bytes."""

    def __init__(self, array: np.ndarray):
        self.size = array.nbytes
        self.memory = np.full(self.size + 2 * GUARD_SIZE, GUARD_BYTE, dtype=np.uint8)
        self.bytes[:] = np.frombuffer(array.tobytes(), dtype=np.uint8)

    @property
    def bytes(self) -> np.ndarray:
        return self.memory[GUARD_SIZE : GUARD_SIZE + self.size]

    @property
    def pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.memory.ctypes.data + GUARD_SIZE)

    def check_guards(self, what: str) -> None:
        before, after = self.memory[:GUARD_SIZE], self.memory[GUARD_SIZE + self.size :]
        assert (before == GUARD_BYTE).all(), f"{what}: bytes before the buffer were overwritten"
        assert (after == GUARD_BYTE).all(), f"{what}: bytes after the buffer were overwritten"


def _float32(array) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


class CoreAbi:
    """The library built from cc/test_abi/core_abi.cc."""

    def __init__(self, path: str):
        self._library = ctypes.CDLL(path)

    @classmethod
    def from_environment(cls) -> "CoreAbi":
        path = os.environ.get("TINYPROP_TEST_ABI")
        assert path, "TINYPROP_TEST_ABI is not set: run `make test`, which builds the library it names."
        return cls(path)

    def _call(self, name: str, restype, *arguments):
        function = getattr(self._library, "abi_" + name)
        function.restype = restype
        converted, buffers = [], []
        for position, argument in enumerate(arguments):
            if isinstance(argument, (Out, np.ndarray)):
                array = argument.array if isinstance(argument, Out) else argument
                assert array.flags.c_contiguous and array.dtype in (np.float32, np.int32)
                buffer = GuardedBuffer(array)
                buffers.append((f"{name}, argument {position}", argument, buffer))
                converted.append(buffer.pointer)
            elif argument is None:
                converted.append(ctypes.c_void_p(None))
            elif isinstance(argument, (float, np.floating)):
                converted.append(ctypes.c_float(argument))
            else:
                converted.append(ctypes.c_int32(int(argument)))
        result = function(*converted)
        for what, argument, buffer in buffers:
            buffer.check_guards(what)
            if isinstance(argument, Out):
                array = argument.array
                array[...] = buffer.bytes.view(array.dtype).reshape(array.shape)
            else:
                assert buffer.bytes.tobytes() == argument.tobytes(), f"{what}: an input was changed"
        return result

    def all_finite(self, values) -> bool:
        return bool(self._call("all_finite", ctypes.c_int32, values, values.size))

    def is_training(self, control) -> bool:
        return bool(self._call("is_training", ctypes.c_int32, control))

    def is_valid_config(self, control) -> bool:
        return bool(self._call("is_valid_config", ctypes.c_int32, control))

    def activation_grad(self, code: int, output, delta) -> np.ndarray:
        delta = delta.copy()
        output_size = 0 if output is None else output.size
        self._call("activation_grad", None, code, output, output_size, Out(delta), delta.size)
        return delta

    def elementwise_activation_grad(self, kind: int, slope: float, reference, delta) -> np.ndarray:
        delta = delta.copy()
        size = 0 if reference is None else reference.size
        arguments = (kind, float(slope), reference, size, Out(delta), delta.size)
        self._call("elementwise_activation_grad", None, *arguments)
        return delta

    def every_window_has_a_tap(self, shape) -> bool:
        """shape: the fields of Pool2DShape in their order."""
        return bool(self._call("every_window_has_a_tap", ctypes.c_int32, np.asarray(shape, dtype=np.int32)))

    def average_pool_2d_grad(self, shape, delta) -> np.ndarray:
        """input delta [B, IH, IW, C]; shape as above."""
        shape = np.asarray(shape, dtype=np.int32)
        input_delta = np.full(shape[[0, 1, 2, 5]], np.nan, dtype=np.float32)
        self._call("average_pool_2d_grad", None, shape, delta, Out(input_delta))
        return input_delta

    def max_pool_2d_grad(self, shape, delta, x, y) -> np.ndarray:
        """input delta [B, IH, IW, C]; shape as above."""
        shape = np.asarray(shape, dtype=np.int32)
        input_delta = np.full(shape[[0, 1, 2, 5]], np.nan, dtype=np.float32)
        self._call("max_pool_2d_grad", None, shape, delta, x, y, Out(input_delta))
        return input_delta

    def reduce_max_grad(self, delta, x, y) -> np.ndarray:
        """input delta of x [outer, reduced, inner], and of delta and y [outer, inner]"""
        input_delta = np.full(x.shape, np.nan, dtype=np.float32)
        self._call("reduce_max_grad", None, np.asarray(x.shape, dtype=np.int32), delta, x, y, Out(input_delta))
        return input_delta

    def scatter_add(self, delta, indices, weights, size: int) -> np.ndarray:
        """input delta [outer, size, inner] of delta [outer, positions, inner], indices and weights [positions, taps]"""
        outer, positions, inner = delta.shape
        shape = np.array([outer, positions, indices.shape[1], size, inner], dtype=np.int32)
        input_delta = np.full((outer, size, inner), np.nan, dtype=np.float32)
        self._call("scatter_add", None, shape, delta, indices, weights, Out(input_delta))
        return input_delta

    def softmax_grad(self, beta: float, y, delta) -> np.ndarray:
        """dLoss/dx of y, delta [R, C]"""
        delta = delta.copy()
        self._call("softmax_grad", None, float(beta), y.shape[1], y, Out(delta), delta.size)
        return delta

    def local_error(self, delta) -> float:
        return self._call("local_error", ctypes.c_float, delta, delta.size)

    def update_running_maximum(self, running_maximum, largest, decay) -> float:
        arguments = (float(running_maximum), float(largest), float(decay))
        return self._call("update_running_maximum", ctypes.c_float, *arguments)

    def relative_error(self, local_error, running_maximum) -> float:
        arguments = (float(local_error), float(running_maximum))
        return self._call("relative_error", ctypes.c_float, *arguments)

    def error_propagation_rate(self, control, relative_error, layers_above: int) -> float:
        arguments = (control, float(relative_error), layers_above)
        return self._call("error_propagation_rate", ctypes.c_float, *arguments)

    def gradient_count(self, rate, n: int, local_error) -> int:
        return self._call("gradient_count", ctypes.c_int32, float(rate), n, float(local_error))

    def decision_metric(self, control, relative_error) -> float:
        return self._call("decision_metric", ctypes.c_float, control, float(relative_error))

    def decide(self, control, input_finite, loss, delta, running_maximum, layers: int = 1, bound: float = 0.0):
        """(gate [B], running maximum, statistics [1 + layers, B, 4]) for delta [B, n]."""
        batch = len(loss)
        maximum = _float32([running_maximum])
        gate = np.full(batch, -1, dtype=np.int32)
        statistics = np.zeros((1 + layers, batch, 4), dtype=np.float32)
        self._call(
            "decide", None, control, np.asarray(input_finite, dtype=np.int32), loss, delta, delta.size, float(bound),
            Out(maximum), Out(gate), batch, Out(statistics),
        )  # fmt: skip
        return gate, maximum[0], statistics

    def keep_top_k(self, k: int, values) -> np.ndarray:
        values = values.copy()
        self._call("keep_top_k", None, k, Out(values), values.size)
        return values

    def sparsify_delta(
        self, control, activation: int, output, delta, gate, running_maximum, *, row=1, layers=1,
        layers_above=0, shares_decision=False, macs_per_gradient=0, x=None,
    ):  # fmt: skip
        """(trained, delta [B, n], gate [B], running maximum, statistics [1 + layers, B, 4])."""
        delta, gate = delta.copy(), np.array(gate, dtype=np.int32)
        maximum = _float32([running_maximum])
        statistics = np.zeros((1 + layers, len(gate), 4), dtype=np.float32)
        output_size = 0 if output is None else output.size
        trained = self._call(
            "sparsify_delta", ctypes.c_int32, control, row, layers_above, shares_decision,
            macs_per_gradient, activation, x, 0 if x is None else x.size, output, output_size, Out(delta), delta.size, Out(gate),
            len(gate), Out(maximum), Out(statistics),
        )  # fmt: skip
        return trained, delta, gate, maximum[0], statistics

    def fully_connected_grad(
        self, delta, x, weights, step, *, train_weights=True, bias=None, hand_down=True
    ):
        """(weights [U, I], bias [U] or None, input delta [R, I] or None) after the update."""
        (rows, units), inputs = delta.shape, weights.shape[1]
        new_weights = weights.copy()
        new_bias = None if bias is None else bias.copy()
        # Overwritten by the kernel, so that what it held before must not matter.
        input_delta = np.full((rows, inputs), np.nan, dtype=np.float32) if hand_down else None
        self._call(
            "fully_connected_grad", None, rows, inputs, units, float(step), delta, x,
            None if train_weights else weights,
            Out(new_weights) if train_weights else None,
            None if bias is None else Out(new_bias),
            Out(input_delta) if hand_down else None,
        )  # fmt: skip
        return new_weights, new_bias, input_delta

    def conv_grad(self, op: str, shape, delta, x, weights, step, *, train_weights=True, bias=None, hand_down=True):
        """(weights, bias or None, input delta or None) after the update.

        op: a key of conv_cases.BACKWARD; shape: the fields of cc/core/conv_shape.h in their order.
        """
        batch, height, width, channels = shape[:4]
        new_weights = weights.copy()
        new_bias = None if bias is None else bias.copy()
        input_delta = np.full((batch, height, width, channels), np.nan, dtype=np.float32) if hand_down else None
        self._call(
            f"{op}_grad", None, np.array(shape, dtype=np.int32), float(step), delta, x,
            None if train_weights else weights,
            Out(new_weights) if train_weights else None,
            None if bias is None else Out(new_bias),
            Out(input_delta) if hand_down else None,
        )  # fmt: skip
        return new_weights, new_bias, input_delta

    def softmax_cross_entropy_sparse(self, logits, label: int, label_smoothing: float = 0.0):
        """(loss, delta [C])"""
        delta = np.full(logits.shape, np.nan, dtype=np.float32)
        arguments = (logits, label, float(label_smoothing), Out(delta), logits.size)
        return self._call("softmax_cross_entropy_sparse", ctypes.c_float, *arguments), delta

    def softmax_cross_entropy_dense(self, logits, label, label_smoothing: float = 0.0):
        """(loss, delta [C])"""
        delta = np.full(logits.shape, np.nan, dtype=np.float32)
        arguments = (logits, label, float(label_smoothing), Out(delta), logits.size)
        return self._call("softmax_cross_entropy_dense", ctypes.c_float, *arguments), delta

    def mean_squared_error(self, output, target):
        """(loss, delta [n])"""
        return self._elementwise_loss("mean_squared_error", output, target)

    def binary_cross_entropy(self, logits, label, label_smoothing: float = 0.0):
        return self._elementwise_loss("binary_cross_entropy", logits, label, float(label_smoothing))

    def mean_absolute_error(self, output, target):
        return self._elementwise_loss("mean_absolute_error", output, target)

    def huber(self, output, target, threshold: float = 1.0):
        return self._elementwise_loss("huber", output, target, float(threshold))

    def _elementwise_loss(self, name: str, output, target, *parameters: float):
        delta = np.full(output.shape, np.nan, dtype=np.float32)
        return self._call(name, ctypes.c_float, output, target, *parameters, Out(delta), output.size), delta

    def add_scaled(self, a, x, y) -> np.ndarray:
        y = y.copy()
        self._call("add_scaled", None, x.size, float(a), x, Out(y))
        return y

    def add_scaled_rows(self, rows: int, n: int, a, x, x_step: int, y, y_step: int) -> np.ndarray:
        """a [count], x [count, size]"""
        y = y.copy()
        self._call("add_scaled_rows", None, len(a), rows, n, a, x, x.shape[1], x_step, Out(y), y_step)
        return y

    def hand_down_and_update(self, d, a, x, w, dx):
        """(w, dx) after the call."""
        w, dx = w.copy(), dx.copy()
        self._call("hand_down_and_update", None, x.size, float(d), float(a), x, Out(w), Out(dx))
        return w, dx
