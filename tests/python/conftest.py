"""Fixtures that several folders share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's digits: x float32 [1797, 64] in [0, 1], y class indices."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y


@pytest.fixture(scope="session")
def plain_tflite() -> bytes:
    """An ordinary .tflite, 8-16-12-4 with a softmax, batch 1."""
    return dense_classifier([8, 16, 12, 4], seed=1)


@pytest.fixture(scope="session")
def model(plain_tflite) -> tp.TrainableModel:
    return tp.convert(plain_tflite, config=tp.TinyPropConfig.full())


@pytest.fixture
def samples():
    """40 samples for the model above: x float32 [40, 8], y class indices."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=(40, 8)).astype(np.float32)
    return x, x[:, :4].argmax(axis=1)


@pytest.fixture(scope="session")
def keras_classifier():
    """Sequential 6-5-4-3 with every activation the converter fuses, one layer without bias."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((6,), name="features"),
        layers.Dense(5, activation="relu", name="first"),
        layers.Dense(4, activation="relu6", use_bias=False, name="second"),
        layers.Dense(3, activation="softmax", name="last"),
    ], name="classifier")
