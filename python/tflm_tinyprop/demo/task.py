"""The demo's data and Keras model: scikit-learn's handwritten digits, the second half shifted."""

from __future__ import annotations

import dataclasses

import numpy as np

CLASSES = 10
SIDE = 8
UNITS = (64, 48, 32, 24)

# What happens to the digits on the way to the "device": a camera mounted at an angle, and a flatter image.
ROTATION_DEGREES = 20.0
CONTRAST = 0.7
BRIGHTNESS = 0.15


@dataclasses.dataclass(frozen=True)
class Samples:
    """x: float32 [N, 64] in [0, 1]; y: class indices [N]."""

    x: np.ndarray
    y: np.ndarray

    def __iter__(self):
        return iter((self.x, self.y))


@dataclasses.dataclass(frozen=True)
class Task:
    """source: what the model is trained on before it is shipped. tuning and test: shifted."""

    source: Samples
    tuning: Samples
    test: Samples


def load_task(seed: int) -> Task:
    """Half of the digits as they are; of the other half, shifted, two thirds to adapt and one to test."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(x))
    source, device = np.split(order, [len(order) // 2])
    tuning, test = np.split(device, [len(device) * 2 // 3])
    return Task(
        Samples(x[source], y[source]),
        Samples(shift(x[tuning]), y[tuning]),
        Samples(shift(x[test]), y[test]),
    )


def shift(x: np.ndarray) -> np.ndarray:
    """Rotates images [N, 64] and flattens their contrast; the values stay in [0, 1]."""
    from scipy import ndimage

    images = ndimage.rotate(x.reshape(-1, SIDE, SIDE), ROTATION_DEGREES, axes=(1, 2), reshape=False, order=1)
    return np.clip(CONTRAST * images + BRIGHTNESS, 0, 1).reshape(len(x), -1).astype(np.float32)


def pretrained_model(task: Task, seed: int):
    """The Keras classifier that is shipped: five dense layers, trained on the source half."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(n, activation="relu", name=f"dense_{i}") for i, n in enumerate(UNITS, start=1)]
    model = keras.Sequential(
        [keras.Input((SIDE * SIDE,), name="image"), *layers,
         keras.layers.Dense(CLASSES, activation="softmax", name="digit")], name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*task.source, epochs=40, batch_size=32, verbose=0)
    return model
