"""What the targets have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tflm_tinyprop import __version__
from tflm_tinyprop.firmware.app import App, app_files
from tflm_tinyprop.firmware.render import render
from tflm_tinyprop.firmware.sources import licence, plugin_sources


def below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """The same files in a folder."""
    return {f"{folder}/{name}": text for name, text in files.items()}


def library(folder: str) -> dict[str, str]:
    """The plugin's sources with their licence; the folder is the include path."""
    return below(folder, {**plugin_sources(), "LICENSE": licence()})


def application(folder: str, app: App) -> dict[str, str]:
    return below(folder, app_files(app))


def compiled(names: Iterable[str], folder: str = "") -> list[str]:
    """Of these paths those of sources below the folder, relative to it."""
    prefix = f"{folder}/" if folder else ""
    return sorted(n.removeprefix(prefix) for n in names if n.startswith(prefix) and n.endswith((".cc", ".cpp")))


def as_cpp(files: Mapping[str, str]) -> dict[str, str]:
    """The same files, sources with the ending that every Arduino tool knows."""
    return {f"{n[:-3]}.cpp" if n.endswith(".cc") else n: text for n, text in files.items()}


def rendered(target: str, names: Mapping[str, str], app: App, **values: object) -> dict[str, str]:
    """{path: the template templates/<target>/<name> filled in} for {path: name}."""
    common = {"version": __version__, "model_bytes": len(app.model.data), "arena_bytes": app.arena_bytes}
    return {path: render(f"{target}/{name}", {**common, **values}) for path, name in names.items()}
