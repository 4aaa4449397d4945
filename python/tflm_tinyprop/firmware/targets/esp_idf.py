"""An ESP-IDF project: the plugin as a component, TFLM from the component registry."""

from __future__ import annotations

from tflm_tinyprop.firmware.app import App
from tflm_tinyprop.firmware.targets.common import application, compiled, library, rendered

_COMPONENT = "components/tflm_tinyprop"


def files(app: App) -> dict[str, str]:
    content = {**library(_COMPONENT), **application("main", app)}
    names = {
        "CMakeLists.txt": "CMakeLists.txt",
        "README.md": "README.md",
        "sdkconfig.defaults": "sdkconfig.defaults",
        "main/CMakeLists.txt": "main_CMakeLists.txt",
        "main/idf_component.yml": "main_idf_component.yml",
        "main/main.cc": "main.cc",
        f"{_COMPONENT}/CMakeLists.txt": "component_CMakeLists.txt",
        f"{_COMPONENT}/idf_component.yml": "component_idf_component.yml",
    }
    sources = {
        "library_sources": compiled(content, _COMPONENT),
        "app_sources": [*compiled(content, "main"), "main.cc"],
    }
    return {**content, **rendered("esp_idf", names, app, **sources)}
