"""What the interpreter tests share: TensorFlow's own step, and the NumPy reference of a model."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.format import metadata
from tflm_tinyprop.reference import DenseLayer, ReferenceNetwork

ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}


def kernels_and_biases(model):
    """[(kernel [units, inputs], bias or None), ...] of a model of trainable dense layers."""
    layers: dict[int, list] = {}
    for record, value in zip(model.training.variables, model.initial_values(), strict=True):
        if record.role != metadata.STATE:
            layers.setdefault(record.layer, [None, None])[record.role] = value
    return [tuple(layers[number]) for number in sorted(layers)]


def tensorflow_step(model, x, y, loss: str, activation: int, learning_rate: float):
    """Weights after one SGD step that tf.GradientTape and Keras' loss and optimizer take, in model order."""
    import keras
    import tensorflow as tf

    functions = {0: tf.identity, 1: tf.nn.relu, 2: lambda z: tf.clip_by_value(z, -1.0, 1.0), 3: tf.nn.relu6}
    losses = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy(from_logits=True),
        "mean_squared_error": keras.losses.MeanSquaredError(),
        "binary_crossentropy": keras.losses.BinaryCrossentropy(from_logits=True),
        "mean_absolute_error": keras.losses.MeanAbsoluteError(),
        "huber": keras.losses.Huber(),
    }
    layers = [(tf.Variable(w), None if b is None else tf.Variable(b)) for w, b in kernels_and_biases(model)]
    with tf.GradientTape() as tape:
        z = tf.constant(x)
        for number, (w, b) in enumerate(layers, start=1):
            z = tf.matmul(z, w, transpose_b=True) + (0.0 if b is None else b)
            if number < len(layers):
                z = functions[activation](z)
        value = losses[loss](y, z)
    variables = [v for pair in layers for v in pair if v is not None]
    optimizer = keras.optimizers.SGD(learning_rate)
    optimizer.build(variables)
    optimizer.apply(tape.gradient(value, variables), variables)
    return [v.numpy() for v in variables], float(value)


def reference_of(model, activation: str = "relu") -> ReferenceNetwork:
    """The float64 reference of a model whose layers are all trained; the last has no activation."""
    pairs = kernels_and_biases(model)
    return ReferenceNetwork(
        [DenseLayer(w, b, activation if number < len(pairs) else "none")
         for number, (w, b) in enumerate(pairs, start=1)], model.loss,
    )


def reference_weights(network: ReferenceNetwork) -> list[np.ndarray]:
    return [a for layer in network.layers for a in (layer.weights, layer.bias) if a is not None]


def labels_for(loss: str, classes: int, samples: int, generator) -> np.ndarray:
    indices = generator.integers(classes, size=samples)
    if loss == "sparse_categorical_crossentropy":
        return indices
    if loss == "categorical_crossentropy":
        return np.eye(classes, dtype=np.float32)[indices]
    if loss == "binary_crossentropy":
        return generator.integers(2, size=(samples, classes)).astype(np.float32)
    return generator.normal(size=(samples, classes)).astype(np.float32)


def assert_weights_close(actual, expected, tolerance: float) -> None:
    """Within `tolerance`, relative to each tensor's largest value."""
    for a, e in zip(actual, expected, strict=True):
        scale = max(np.abs(e).max(), 1e-6)
        difference = np.abs(a - e).max() / scale
        assert difference <= tolerance, f"differs by {difference:.2e} of the largest value, allowed {tolerance:.0e}"


def bits(arrays) -> list[bytes]:
    return [np.asarray(a).tobytes() for a in arrays]
