"""One module per ecosystem: from an App to {relative path: content} of the folder."""

from __future__ import annotations

from collections.abc import Callable

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets import arduino, esp_idf, generic, platformio, zephyr

TARGETS: dict[str, Callable[[App], dict[str, str]]] = {
    "generic": generic.files,
    "esp-idf": esp_idf.files,
    "arduino": arduino.files,
    "zephyr": zephyr.files,
    "platformio": platformio.files,
}
