"""A CMake project without an operating system, for any board and for the host."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, compiled, library, rendered


def files(app: App) -> dict[str, str]:
    content = {**library("library"), **application("app", app)}
    names = {"CMakeLists.txt": "CMakeLists.txt", "README.md": "README.md", "app/main.cc": "main.cc"}
    sources = {
        "library_sources": compiled(content, "library"),
        "app_sources": [*compiled(content, "app"), "main.cc"],
    }
    return {**content, **rendered("generic", names, app, **sources)}
