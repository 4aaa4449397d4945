"""An Arduino library (format 1.5) whose example sketch is the application."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, as_cpp, library, rendered


def files(app: App) -> dict[str, str]:
    content = as_cpp({**library("src"), **application("examples/train", app)})
    # Beside library.properties, where Arduino's tools look for it.
    content["LICENSE"] = content.pop("src/LICENSE")
    names = {
        "library.properties": "library.properties",
        "keywords.txt": "keywords.txt",
        "README.md": "README.md",
        "src/tflm_tinyprop.h": "tflm_tinyprop.h",
        "examples/train/train.ino": "train.ino",
        "examples/train/tflm_library.h": "tflm_library.h",
    }
    return {**content, **rendered("arduino", names, app)}
