"""A PlatformIO project with the plugin as a private library."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, library, rendered

_LIBRARY = "lib/tflm_tinyprop"


def files(app: App) -> dict[str, str]:
    content = {**library(f"{_LIBRARY}/src"), **application("src", app)}
    content[f"{_LIBRARY}/LICENSE"] = content.pop(f"{_LIBRARY}/src/LICENSE")
    names = {
        "platformio.ini": "platformio.ini",
        "README.md": "README.md",
        "src/main.cc": "main.cc",
        f"{_LIBRARY}/library.json": "library.json",
        "lib/tflite-micro/library.json": "tflm_library.json",
    }
    return {**content, **rendered("platformio", names, app)}
