"""Reads gradients out of the interpreter: a trainable layer in front of the ops under test.

The layer is z = x W^T with x the identity, so that sample b of its output is column b of W, and after one
full step the change of that column is minus the gradient there, times the learning rate, over the batch.
"""

from __future__ import annotations

import numpy as np

import tflm_tinyprop as tp
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, write_graph

FLOAT = np.dtype(np.float32)
CONFIGURATIONS = 300  # of each kind of op
SEED = 31
RATE = 256.0  # large, because what is read is the difference of float32 weights


class Probe:
    """A graph under construction: probe -> reshape -> whatever is added -> reshape -> mean squared error."""

    def __init__(self, values: np.ndarray):
        """values: [B, ...], what the ops under test get as input."""
        self.values = values.astype(np.float32)
        self.batch = len(values)
        self.graph = Graph([], [], [], [])
        features = int(np.prod(values.shape[1:]))
        x = self.tensor("x", (self.batch, self.batch))
        self.graph.inputs = [x]
        kernel = self.graph.add_constant("model/probe/kernel", self.values.reshape(self.batch, features).T)
        z = self.op("FULLY_CONNECTED", [x, kernel, -1], (self.batch, features),
                    builtin_options("FullyConnectedOptions"), name="model/probe/output")
        self.input = self.reshape(z, values.shape)

    def tensor(self, name: str, shape) -> int:
        return self.graph.add_tensor(Tensor(name, tuple(shape), FLOAT))

    def constant(self, values, name: str | None = None) -> int:
        return self.graph.add_constant(name or f"constant_{len(self.graph.tensors)}", np.asarray(values))

    def op(self, kind: str, inputs: list[int], shape, raw=None, name: str | None = None) -> int:
        return self.op_with_outputs(kind, inputs, [shape], raw, name)[0]

    def op_with_outputs(self, kind: str, inputs: list[int], shapes, raw=None, name: str | None = None) -> list[int]:
        outputs = [self.tensor(name or f"{kind.lower()}_{len(self.graph.tensors)}", shape) for shape in shapes]
        self.graph.ops.append(Op(kind, inputs, outputs, raw=raw))
        return outputs

    def reshape(self, tensor: int, shape) -> int:
        target = self.constant(np.array(shape, np.int32))
        return self.op("RESHAPE", [tensor, target], shape, builtin_options("ReshapeOptions", newShape=list(shape)))

    def model(self, output: int, **options) -> tp.TrainableModel:
        self.graph.outputs = [output]
        return tp.convert(write_graph(self.graph), loss="mse", batch_size=self.batch, **options)

    def step(self, output: int, target: np.ndarray, config=None, **options):
        """(gradient at the probe [B, ...], changes of all trained tensors / -RATE, predictions)."""
        model = self.model(output, config=config or tp.TinyPropConfig.full(), **options)
        trainer = tp.Trainer(model)
        x = np.eye(self.batch, dtype=np.float32)
        predictions = trainer.predict(x)
        before = trainer.get_weights()
        trainer.train_on_batch(x, target, learning_rate=RATE)
        changes = [(b - a) / RATE for a, b in zip(trainer.get_weights(), before, strict=True)]
        gradient = self.batch * changes[0].T.reshape(self.values.shape)
        return gradient, changes[1:], predictions


def assert_gradients_close(actual, expected, tolerance: float = 1e-4, what: str = "gradient") -> None:
    """Relative to the largest gradient; weights of size 1 lose some digits of a change in float32."""
    expected = np.asarray(expected)
    scale = max(np.abs(expected).max(), 1e-3)
    worst = np.abs(actual - expected).max() / scale
    assert worst <= tolerance, f"{what} differs by {worst:.1e} of its largest element"


def tensorflow_gradient(function, values, target):
    """Gradient of the sum of the samples' own losses at the input, [B, ...]."""
    import tensorflow as tf

    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        loss = tf.reduce_sum(tf.reduce_mean(tf.reshape((y - target) ** 2, [len(values), -1]), axis=1))
    return tape.gradient(loss, x).numpy(), y.numpy()


def check(values, build, function, generator):
    """build(probe) -> output tensor; function: the same in TensorFlow."""
    probe = Probe(values)
    output = build(probe)
    shape = probe.graph.tensors[output].shape
    target = generator.normal(size=shape).astype(np.float32)
    expected, y = tensorflow_gradient(function, probe.values, target)
    actual, _, predictions = probe.step(output, target)
    np.testing.assert_allclose(predictions, y, rtol=1e-4, atol=1e-5)
    assert_gradients_close(actual, expected)


def each_configuration(name: str, count: int = CONFIGURATIONS):
    """Generators of the configurations; the seed is printed for a failing one."""
    for number in range(count):
        print(f"seed [{SEED}, {number}] of {name}")
        yield np.random.default_rng([SEED, number])


def random_map(generator, rank: int = 4, batch: int | None = None):
    shape = [batch or int(generator.integers(1, 4)), *generator.integers(1, 7, rank - 1)]
    # Apart from each other and from the kinks of the activations, so that derivatives are defined.
    count = int(np.prod(shape))
    values = (generator.permutation(count) - count // 2 + 0.37) * (8.0 / count)
    return values.reshape(shape).astype(np.float32)
