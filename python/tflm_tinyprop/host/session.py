"""TFLM on the host: the tflite-micro wheel with the TinyProp ops in it.

The wheel has no interface for plugins written in C++ except a symbol look-up by name, so the plugin is
loaded into the global namespace first. It knows the wheel's memory layout, which is why the wheel's
version is checked before it is touched.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
import pathlib
import re

import numpy as np

from tflm_tinyprop.errors import HostError, RefusedError
from tflm_tinyprop.native_output import captured_output

REGISTERER = "TinyPropRegisterOps"
PLUGIN_VERSION = 1
PLUGIN_ENV = "TINYPROP_PLUGIN"

# Wheels whose binary interface was checked by running trainings in them.
TESTED_WHEELS = (
    "0.dev20241216231635",
    "0.dev20250603235359",
    "0.dev20260203175027",
    "0.dev20260928214037",
    "0.dev20261023182759",
)
PINNED_WHEEL = "0.dev20260928214037"


def wheel_version() -> str:
    """Version of the installed tflite-micro. Raises HostError if there is none."""
    try:
        return importlib.metadata.version("tflite-micro")
    except importlib.metadata.PackageNotFoundError:
        raise HostError(
            f"the package tflite-micro is not installed; run: pip install tflite-micro=={PINNED_WHEEL}"
        ) from None


def check_wheel_version(version: str) -> None:
    """Raises HostError unless the version lies within the range of wheels whose layout is known."""
    match = re.fullmatch(r"0\.dev(\d{14})", version)
    first, last = TESTED_WHEELS[0], TESTED_WHEELS[-1]
    if match is None or not first <= version <= last:
        raise HostError(
            f"tflite-micro {version} is not supported: its binary interface is unknown. Supported are versions "
            f"{first} to {last}; run: pip install tflite-micro=={PINNED_WHEEL}"
        )


def plugin_path() -> pathlib.Path:
    """Where libtinyprop_plugin.so is: $TINYPROP_PLUGIN, or inside this package."""
    override = os.environ.get(PLUGIN_ENV)
    if override:
        path = pathlib.Path(override)
        if not path.is_file():
            raise HostError(f"{PLUGIN_ENV} is set to {override}, which does not exist")
        return path
    # In an editable install the library is not beside the source, but the import system knows where.
    spec = importlib.util.find_spec("tflm_tinyprop.libtinyprop_plugin")
    if spec is None or spec.origin is None:
        raise HostError(
            "the native plugin libtinyprop_plugin.so is not installed; run `pip install .` in the project's folder "
            f"(needs cmake and g++), or set {PLUGIN_ENV} to its path"
        )
    return pathlib.Path(spec.origin)


@functools.cache
def load_plugin() -> ctypes.CDLL:
    """Loads the plugin once per process, after checking the wheel."""
    check_wheel_version(wheel_version())
    path = plugin_path()
    try:
        plugin = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise HostError(f"the native plugin {path} cannot be loaded: {error}") from error
    if plugin.TinyPropPluginVersion() != PLUGIN_VERSION:
        raise HostError(
            f"the native plugin {path} has version {plugin.TinyPropPluginVersion()}, expected {PLUGIN_VERSION}; "
            "run `pip install .` again"
        )
    return plugin


def import_runtime():
    """The wheel's module with the interpreter. Older wheels import TensorFlow with it."""
    from tflite_micro.python.tflite_micro import runtime

    return runtime


def make_interpreter(model: bytes, arena_bytes: int):
    """The wheel's Interpreter with the TinyProp ops. Raises RefusedError with TFLM's messages."""
    load_plugin()
    runtime = import_runtime()
    log: list[str] = []
    try:
        with captured_output(log):
            return runtime.Interpreter.from_bytes(
                model, custom_op_registerers=[REGISTERER], arena_size=arena_bytes
            )
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise RefusedError(f"TFLM refused the model: {error}. {' '.join(log)}".strip()) from error


class Session:
    """One model in one interpreter.

    model: bytes of a .tflite. arena_bytes: what the interpreter gets; enough for the model, since TFLM
    may end the process otherwise (arena.py).
    """

    def __init__(self, model: bytes, arena_bytes: int):
        self.arena_bytes = arena_bytes
        self._interpreter = make_interpreter(model, arena_bytes)
        # Bound once: they are called several times a step.
        self.invoke = self._interpreter.invoke
        self.set_input = self._interpreter.set_input
        self.output = self._interpreter.get_output

    def first_invoke(self, inputs: dict[int, np.ndarray]) -> None:
        """An invoke with these inputs by position, which finds out whether TFLM runs the model: RefusedError if not."""
        log: list[str] = []
        try:
            for position, values in inputs.items():
                self.set_input(values, position)
            with captured_output(log):
                status = self.invoke()
        except (RuntimeError, ValueError, TypeError) as error:
            raise RefusedError(f"TFLM cannot run the model: {error}. {' '.join(log)}".strip()) from error
        if status:  # 0 or None if all went well, by wheel
            raise RefusedError(f"TFLM cannot run the model: its status is {status}. {' '.join(log)}".strip())

    def reset(self) -> None:
        """Back to the exported weights, from the next invoke on."""
        self._interpreter.reset()
