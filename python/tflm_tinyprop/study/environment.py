"""What a result depends on besides its settings: versions and the machine."""

from __future__ import annotations

import importlib.metadata
import pathlib
import platform
import subprocess


def versions() -> dict[str, str | None]:
    """Versions of everything that computes; commit is None outside of a git checkout."""
    packages = {"package": "tflm_tinyprop", "tensorflow": "tensorflow-cpu", "keras": "keras",
                "tflite_micro": "tflite-micro", "numpy": "numpy"}
    return {
        **{name: _version(package) for name, package in packages.items()},
        "python": platform.python_version(), "commit": _commit(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    folder = pathlib.Path(__file__).parent
    try:
        result = subprocess.run(["git", "rev-parse", "--show-toplevel", "HEAD"], cwd=folder, capture_output=True,
                                text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    top, _, commit = result.stdout.strip().partition("\n")
    # An installed package may lie inside of some other project's checkout.
    ours = result.returncode == 0 and folder.is_relative_to(pathlib.Path(top) / "python")
    return commit if ours else None


def cpu_name() -> str:
    """The processor's name as Linux knows it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
