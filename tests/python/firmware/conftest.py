"""Generated firmware: one folder per target, for a small model."""

import pathlib

import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.firmware import TARGETS
from tflm_tinyprop.models.tiny_models import dense_classifier

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def firmware_model():
    """TinyProp v2, two of three layers trained."""
    return tp.convert(dense_classifier([8, 16, 12, 4], seed=1), trainable_layers=2)


@pytest.fixture(scope="session")
def folders(firmware_model, tmp_path_factory):
    """{target: generated folder}. Tests do not write into them."""
    root = tmp_path_factory.mktemp("firmware")
    for target in TARGETS:
        tp.embed(firmware_model, root / target, target=target)
    return {target: root / target for target in TARGETS}


@pytest.fixture(scope="session")
def stand_ins():
    """Include paths of the stand-ins for TFLM and for the platforms' headers."""
    return [HERE.parents[1] / "firmware" / "tflm_headers", HERE / "stand_ins"]


# Include path of the plugin's sources, and folder of the application.
LAYOUT = {
    "generic": ("library", "app"),
    "esp-idf": ("components/tflm_tinyprop", "main"),
    "arduino": ("src", "examples/train"),
    "zephyr": ("tflm_tinyprop", "app/src"),
    "platformio": ("lib/tflm_tinyprop/src", "src"),
}


@pytest.fixture(scope="session")
def layout():
    return LAYOUT
