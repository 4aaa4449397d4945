"""Small models whose own ops keep state, made without TensorFlow, and the same in float64 NumPy.

Each builder returns the bytes of a .tflite; each reference takes the weights from that file and computes one sample from the
state before, [N, ...] samples in a row of one batch.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, schema, write_graph

FLOAT = np.dtype(np.float32)
TANH = 4
STEPS, FEATURES, UNITS, CLASSES = 5, 3, 4, 3


class Builder:
    """A graph with one input, to which ops are added one after the other."""

    def __init__(self, shape: tuple[int, ...], seed: int):
        self.random = np.random.default_rng(seed)
        self.graph = Graph([Tensor("input", shape, FLOAT)], [], [0], [0])
        self.current = 0

    def weights(self, name: str, *shape: int) -> int:
        return self.graph.add_constant(name, self.random.normal(0, 0.7, shape).astype(np.float32))

    def variable(self, name: str, shape: tuple[int, ...], dtype=FLOAT, scale: float | None = None, zero_point: int = 0) -> int:
        raw = None
        if scale is not None:
            raw = schema.TensorT()
            raw.quantization = schema.QuantizationParametersT()
            raw.quantization.scale, raw.quantization.zeroPoint = [scale], [zero_point]
        return self.graph.add_tensor(Tensor(name, shape, np.dtype(dtype), is_variable=True, raw=raw))

    def tensor(self, name: str, shape: tuple[int, ...], dtype=FLOAT) -> int:
        return self.graph.add_tensor(Tensor(name, shape, dtype))

    def op(self, kind: str, inputs: list[int], outputs: list[int], options: str | None = None, **fields) -> None:
        self.graph.ops.append(Op(kind, inputs, outputs, raw=builtin_options(options, **fields) if options else None))

    def dense(self, units: int) -> None:
        """A dense layer named `last` on the current tensor, without its inner dimensions."""
        batch, size = self.graph.tensors[self.current].shape[0], self.graph.tensors[self.current].size
        width = size // batch
        kernel, bias = self.weights("model/last/kernel", units, width), self.weights("model/last/bias", units)
        output = self.tensor("model/last/output", (batch, units))
        self.op("FULLY_CONNECTED", [self.current, kernel, bias], [output], "FullyConnectedOptions")
        self.current = output

    def bytes(self) -> bytes:
        self.graph.outputs = [self.current]
        return write_graph(self.graph)


def lstm(batch: int = 1, seed: int = 0) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM over 5 steps of 3 features, 4 units, and a dense layer on all its outputs."""
    model = Builder((batch, STEPS, FEATURES), seed)
    kernels = [model.weights(f"w_{gate}", UNITS, FEATURES) for gate in "ifco"]
    recurrent = [model.weights(f"r_{gate}", UNITS, UNITS) for gate in "ifco"]
    biases = [model.weights(f"b_{gate}", UNITS) for gate in "ifco"]
    states = [model.variable(f"model/lstm/{name}", (batch, UNITS)) for name in ("hidden", "cell")]
    output = model.tensor("model/lstm/output", (batch, STEPS, UNITS))
    none = [-1] * 3
    model.op("UNIDIRECTIONAL_SEQUENCE_LSTM", [0, *kernels, *recurrent, *none, *biases, -1, -1, *states, -1, -1, -1, -1], [output],
             "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH)
    shape = model.graph.add_constant("flat", np.array([batch, STEPS * UNITS], np.int32))
    flat = model.tensor("model/flat", (batch, STEPS * UNITS))
    model.op("RESHAPE", [output, shape], [flat], "ReshapeOptions", newShape=[batch, STEPS * UNITS])
    model.current = flat
    model.dense(CLASSES)
    return model.bytes()


def lstm_outputs(data: bytes, x: np.ndarray, *, is_stream: bool) -> tuple[np.ndarray, np.ndarray]:
    """The input of the dense layer and the model's output for every sample, [N, 20] and [N, 3]."""
    named = {t.name: t.array().astype(np.float64) for t in read_graph(data).tensors if t.is_constant}
    hidden = cell = np.zeros(UNITS)
    features = []
    for sample in x.astype(np.float64):
        if not is_stream:
            hidden = cell = np.zeros(UNITS)
        outputs = []
        for step in sample:
            i, f, c, o = (named[f"w_{gate}"] @ step + named[f"r_{gate}"] @ hidden + named[f"b_{gate}"] for gate in "ifco")
            cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
            hidden = _sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        features.append(np.concatenate(outputs))
    features = np.array(features)
    return features, features @ named["model/last/kernel"].T + named["model/last/bias"]


def svdf(batch: int = 1, seed: int = 0) -> bytes:
    """SVDF of rank 1 with 4 filters over a memory of 5 samples of 3 features, and a dense layer."""
    model = Builder((batch, FEATURES), seed)
    feature = model.weights("feature", UNITS, FEATURES)
    time = model.weights("time", UNITS, STEPS)
    bias = model.weights("bias", UNITS)
    state = model.variable("model/svdf/state", (batch, STEPS * UNITS))
    output = model.tensor("model/svdf/output", (batch, UNITS))
    model.op("SVDF", [0, feature, time, bias, state], [output], "SVDFOptions", rank=1)
    model.current = output
    model.dense(CLASSES)
    return model.bytes()


def svdf_outputs(data: bytes, x: np.ndarray, *, is_stream: bool) -> tuple[np.ndarray, np.ndarray]:
    """As lstm_outputs, [N, 4] and [N, 3]."""
    named = {t.name: t.array().astype(np.float64) for t in read_graph(data).tensors if t.is_constant}
    memory = np.zeros((UNITS, STEPS))
    features = []
    for sample in x.astype(np.float64):
        before = memory if is_stream else np.zeros_like(memory)
        memory = np.concatenate([before[:, 1:], (named["feature"] @ sample)[:, None]], axis=1)
        features.append((memory * named["time"]).sum(axis=1) + named["bias"])
    features = np.array(features)
    return features, features @ named["model/last/kernel"].T + named["model/last/bias"]


def delayed(initial=0.5, batch: int = 1, seed: int = 0) -> bytes:
    """A resource variable holds half of what the sample before gave; the dense layer takes its sum with the sample.

    initial: what the variable starts from; None leaves out the op that sets it.
    """
    model = Builder((batch, FEATURES), seed)
    shape = (batch, FEATURES)
    if initial is not None:
        model.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
        model.graph.subgraphs = [initializer({"memory": np.full(shape, initial, np.float32)})]
    handle = add_handle(model.graph, "memory")
    remembered, total = model.tensor("remembered", shape), model.tensor("total", shape)
    half = model.graph.add_constant("half", np.array(0.5, np.float32))
    kept = model.tensor("kept", shape)
    model.op("READ_VARIABLE", [handle], [remembered], "ReadVariableOptions")
    model.op("ADD", [0, remembered], [total], "AddOptions")
    model.op("MUL", [total, half], [kept], "MulOptions")
    model.op("ASSIGN_VARIABLE", [handle, kept], [], "AssignVariableOptions")
    model.current = total
    model.dense(CLASSES)
    return model.bytes()


def delayed_outputs(data: bytes, x: np.ndarray, *, is_stream: bool, initial: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """As lstm_outputs, [N, 3] and [N, 3]."""
    named = {t.name: t.array().astype(np.float64) for t in read_graph(data).tensors if t.is_constant}
    memory = np.full(FEATURES, initial)
    features = []
    for sample in x.astype(np.float64):
        total = sample + (memory if is_stream else initial)
        memory = total / 2
        features.append(total)
    features = np.array(features)
    return features, features @ named["model/last/kernel"].T + named["model/last/bias"]


def quantized_memory(dtype, zero_point: int, seed: int = 0) -> bytes:
    """A variable tensor of this type keeps the sample before, in steps of 0.25; the dense layer takes its sum with the sample."""
    model = Builder((1, FEATURES), seed)
    memory = model.variable("model/memory", (1, FEATURES), dtype, 0.25, zero_point)
    remembered, total = model.tensor("remembered", (1, FEATURES)), model.tensor("total", (1, FEATURES))
    model.op("DEQUANTIZE", [memory], [remembered], "DequantizeOptions")
    model.op("ADD", [0, remembered], [total], "AddOptions")
    model.op("QUANTIZE", [0], [memory], "QuantizeOptions")
    model.current = total
    model.dense(CLASSES)
    return model.bytes()


def quantized_memory_outputs(data: bytes, x: np.ndarray, *, is_stream: bool) -> tuple[np.ndarray, np.ndarray]:
    """As lstm_outputs; x in steps of 0.25."""
    named = {t.name: t.array().astype(np.float64) for t in read_graph(data).tensors if t.is_constant}
    before = np.concatenate([np.zeros((1, FEATURES)), x[:-1]]) if is_stream else 0
    features = x.astype(np.float64) + before
    return features, features @ named["model/last/kernel"].T + named["model/last/bias"]


def add_handle(graph: Graph, name: str) -> int:
    raw = schema.TensorT()
    raw.type = schema.TensorType.RESOURCE
    handle = graph.add_tensor(Tensor(f"{name}/handle", (), None, raw=raw))
    graph.ops.append(Op("VAR_HANDLE", [], [handle], raw=builtin_options("VarHandleOptions", container="", sharedName=name)))
    return handle


def initializer(values: dict[str, np.ndarray]) -> Graph:
    """The subgraph that assigns resource variables their first values."""
    graph = Graph([], [], [], [], name="initialize")
    for name, array in values.items():
        handle = add_handle(graph, name)
        value = graph.add_constant(f"{name}/initial", array)
        graph.ops.append(Op("ASSIGN_VARIABLE", [handle, value], [], raw=builtin_options("AssignVariableOptions")))
    return graph


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))
