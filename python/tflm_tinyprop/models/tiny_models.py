"""Small .tflite models made without TensorFlow, for self-tests, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, write_graph

_FLOAT = np.dtype(np.float32)


def dense_classifier(units: Sequence[int], *, batch_size: int = 1, activation: int = 1, use_bias: bool = True,
                     softmax: bool = True, seed: int = 0) -> bytes:
    """An ordinary .tflite: dense layers with He-normal weights, named dense_1, dense_2, ...

    units: [inputs, hidden ..., outputs]. activation: ActivationFunctionType of the hidden layers; the last
    has none, and a softmax behind it if `softmax`.
    """
    generator = np.random.default_rng(seed)
    graph = Graph(tensors=[], ops=[], inputs=[], outputs=[], description="tflm_tinyprop.tiny_models")
    current = graph.add_tensor(Tensor("input", (batch_size, units[0]), _FLOAT))
    graph.inputs = [current]
    for number, (inputs, outputs) in enumerate(zip(units[:-1], units[1:], strict=True), start=1):
        last = number == len(units) - 1
        kernel = generator.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        name = f"model/dense_{number}"
        operands = [current, graph.add_constant(f"{name}/kernel", kernel), -1]
        if use_bias:
            operands[2] = graph.add_constant(f"{name}/bias", np.zeros(outputs, np.float32))
        current = graph.add_tensor(Tensor(f"{name}/output", (batch_size, outputs), _FLOAT))
        graph.ops.append(Op("FULLY_CONNECTED", operands, [current],
                            raw=builtin_options("FullyConnectedOptions", fusedActivationFunction=0 if last else activation)))
    if softmax:
        probabilities = graph.add_tensor(Tensor("model/softmax", (batch_size, units[-1]), _FLOAT))
        graph.ops.append(Op("SOFTMAX", [current], [probabilities], raw=builtin_options("SoftmaxOptions", beta=1.0)))
        current = probabilities
    graph.outputs = [current]
    return write_graph(graph)

