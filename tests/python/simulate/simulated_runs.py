"""Models and samples of the simulation's tests, and the same steps in simulation and interpreter."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

import tflm_tinyprop as tp
from tflm_tinyprop.simulate import StepRecord, TinyPropSimulation

CLASSES = 5


def dense_model():
    """16-24-12-5 with ReLU, ReLU6 and softmax."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((16,)),
        layers.Dense(24, activation="relu", name="first"),
        layers.Dense(12, activation="relu6", name="second"),
        layers.Dense(CLASSES, activation="softmax", name="last"),
    ], name="dense")


def conv_model():
    """Every kind of two-dimensional layer, with pooling between them; 8 x 8 x 2 inputs."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 2)),
        layers.Conv2D(6, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise"),
        layers.Conv2D(8, 1, name="pointwise"),
        layers.ReLU(),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="softmax", name="last"),
    ], name="conv")


def norm_model():
    """Batch normalisations behind a convolution, and behind an activation; 6 x 6 x 1 inputs."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((6, 6, 1)),
        layers.Conv2D(4, 3, use_bias=False, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(8, activation="relu", name="hidden"),
        layers.BatchNormalization(name="second_norm"),
        layers.Dense(CLASSES, name="last"),
    ], name="norm")


def make_samples(shape, number: int, seed: int = 0):
    """(x, y): noisy prototypes of CLASSES classes, so that a model soon knows many of them."""
    generator = np.random.default_rng(seed)
    prototypes = generator.normal(size=(CLASSES, *shape))
    y = generator.integers(CLASSES, size=number).astype(np.int32)
    return (prototypes[y] + 0.5 * generator.normal(size=(number, *shape))).astype(np.float32), y


@dataclasses.dataclass
class InterpreterRun:
    """The same fields as StepRecord, and the trained Keras model. rate: S of every layer and sample, [N, L]."""

    record: StepRecord
    rate: np.ndarray
    model: keras.Model
    history: dict


def interpreter_run(model, x, y, rate: float, batch_size: int, **options) -> InterpreterRun:
    """One pass over the samples in their order, in the TFLM interpreter."""
    trainer = tp.Trainer(tp.convert(model, batch_size=batch_size, **options))
    recorder = tp.StepRecorder()
    history = trainer.fit(x, y, learning_rate=rate, shuffle=False, callbacks=[recorder], verbose=False).history

    def rows(values):  # [S, L, B] -> [N, L]
        return values.transpose(0, 2, 1).reshape(-1, values.shape[1])[: len(x)]

    status = recorder.status.reshape(-1)[: len(x)]
    record = StepRecord(recorder.loss.reshape(-1)[: len(x)], status, np.zeros(0),
                        rows(recorder.gradients_kept).astype(np.int32))
    return InterpreterRun(record, rows(recorder.rate), trainer.to_keras(), history)


def simulation_run(model, x, y, rate: float, batch_size: int, **options) -> tuple[StepRecord, TinyPropSimulation]:
    """The same in the simulation; without XLA, which takes seconds to compile, unless asked for."""
    simulation = TinyPropSimulation(model, **{"jit_compile": False, **options})
    steps = -(-len(x) // batch_size)
    return simulation.train_steps(x, y, np.full(steps, rate), batch_size), simulation


def largest_difference(model, other) -> float:
    """Of any two weights at the same place."""
    return max(float(np.abs(a - b).max()) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
