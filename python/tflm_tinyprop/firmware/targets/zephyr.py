"""A Zephyr module with the plugin, and an application beside it."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, compiled, library, rendered

_MODULE = "tflm_tinyprop"


def files(app: App) -> dict[str, str]:
    content = {**library(_MODULE), **application("app/src", app)}
    names = {
        "README.md": "README.md",
        "app/CMakeLists.txt": "app_CMakeLists.txt",
        "app/prj.conf": "prj.conf",
        "app/src/main.cc": "main.cc",
        f"{_MODULE}/zephyr/module.yml": "module.yml",
        f"{_MODULE}/zephyr/CMakeLists.txt": "module_CMakeLists.txt",
        f"{_MODULE}/zephyr/Kconfig": "Kconfig",
    }
    sources = {
        "library_sources": compiled(content, _MODULE),
        "app_sources": [*compiled(content, "app/src"), "main.cc"],
    }
    return {**content, **rendered("zephyr", names, app, **sources)}
