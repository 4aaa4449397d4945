"""Arguments that several commands take."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Optional

import typer

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Data = Annotated[pathlib.Path, typer.Option(help=".npz with x_train, y_train, x_test, y_test, or x and y.")]
Settings = Annotated[Optional[list[str]], typer.Option(
    "--set", help="A setting of TinyPropConfig, as name=value; may be repeated.")]


class Method(str, enum.Enum):
    full = "full"
    top_k = "top-k"
    v1 = "v1"
    v2 = "v2"


class Format(str, enum.Enum):
    table = "table"
    json = "json"
