"""Firmware projects around a trainable model: `tinyprop embed`.

One folder per ecosystem (targets/), from the same parts: the model and its self-test as C++ (app, self_test, ops),
the plugin's sources (sources), and the ecosystem's build files (templates/).
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.firmware.app import EDITABLE, App
from tflm_tinyprop.firmware.folder import write_folder
from tflm_tinyprop.firmware.ops import needed_ops
from tflm_tinyprop.firmware.self_test import make_self_test
from tflm_tinyprop.firmware.targets import TARGETS
from tflm_tinyprop.trainable_model import TrainableModel, load


@dataclasses.dataclass(frozen=True)
class Firmware:
    """What embed() wrote.

    arena_bytes: what the code reserves. ops: calls that register the model's ops. files, editable: relative paths,
    the latter of those that are the user's to change.
    """

    folder: pathlib.Path
    target: str
    model_bytes: int
    arena_bytes: int
    ops: tuple[str, ...]
    files: tuple[str, ...]
    editable: tuple[str, ...]


def embed(model, out: str | os.PathLike, *, target: str = "generic", overwrite: bool = False, data=None) -> Firmware:
    """Writes a folder that builds a training firmware in an ecosystem.

    Args:
        model: a TrainableModel, or the path to a trainable .tflite.
        out: the folder to write, whole or not at all.
        target: "generic" (CMake), "esp-idf", "arduino", "zephyr" or "platformio".
        overwrite: replaces what embed wrote there before. Files of yours stay, and so do tinyprop_user.h and
            tinyprop_user.cc if you have changed them; changes of other generated files are refused.
        data: (x, y) whose first sample the self-test uses; without it a pseudo-random sample.

    Raises:
        ModelError: the model is not trainable, has an op that TFLM's resolver cannot register, or keeps state of several streams.
        FileExistsError: the folder exists, and may not be replaced.
    """
    if target not in TARGETS:
        raise ConfigError(f"target must be one of {', '.join(TARGETS)}, got {target!r}")
    if isinstance(model, (str, os.PathLike)):
        model = load(model)
    if not isinstance(model, TrainableModel):
        raise ModelError(
            f"embed() takes a TrainableModel from convert() or load(), or the path to one, got {type(model).__name__}"
        )
    if model.stateful and model.batch_size > 1:
        raise ModelError(f"the model keeps state in each of the {model.batch_size} places of its batch, and a firmware is fed with one "
                         "stream; convert with batch_size=1, or with stateful=False")
    ops = needed_ops(model.graph)
    app = App(model, ops, make_self_test(model, data))
    files = TARGETS[target](app)
    editable = tuple(sorted(name for name in files if name.rsplit("/", 1)[-1] in EDITABLE))
    write_folder(out, files, overwrite=overwrite, editable=editable)
    return Firmware(
        pathlib.Path(out), target, len(model.data), app.arena_bytes, ops.methods + ops.registrations, tuple(files), editable,
    )
