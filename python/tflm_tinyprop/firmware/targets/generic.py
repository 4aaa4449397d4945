"""A CMake project without an operating system, for any board and for the host."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, cmake_list, compiled, library, rendered


def files(app: App) -> dict[str, str]:
    content = {**library("library"), **application("app", app)}
    names = {"CMakeLists.txt": "CMakeLists.txt", "README.md": "README.md", "app/main.cc": "main.cc"}
    sources = {
        "library_sources": cmake_list(compiled(content, "library"), "  library/"),
        "app_sources": cmake_list([*compiled(content, "app"), "main.cc"], "  app/"),
    }
    return {**content, **rendered("generic", names, app, **sources)}
