"""Commands for devices: embed."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop.cli import support


class Ecosystem(str, enum.Enum):
    generic = "generic"
    esp_idf = "esp-idf"
    arduino = "arduino"
    zephyr = "zephyr"
    platformio = "platformio"


def embed(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    out: Annotated[pathlib.Path, typer.Option(help="Folder to write.")],
    target: Annotated[Ecosystem, typer.Option(help="What the folder builds with.")] = Ecosystem.generic,
    data: Annotated[Optional[pathlib.Path], typer.Option(
        help=".npz as for train; its first sample becomes the self-test. Default: a pseudo-random sample.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what embed wrote there before.")] = False,
):
    """Write a folder with firmware that trains the model on a device and checks itself at start."""
    with support.reported_errors():
        from tflm_tinyprop.firmware import embed as embed_model

        pair = support.load_data(data)[:2] if data else None
        firmware = embed_model(model, out, target=target.value, overwrite=overwrite, data=pair)
        typer.echo(f"wrote {firmware.folder} for {firmware.target}, {len(firmware.files)} files: model "
                   f"{firmware.model_bytes:,} bytes, arena {firmware.arena_bytes:,} bytes, {len(firmware.ops)} ops")
        typer.echo(f"its README.md says how to build it; samples and settings go into {', '.join(firmware.editable)}")
