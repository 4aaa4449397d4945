"""Arguments that several commands take."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop.format.losses import LOSS_NAMES

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Data = Annotated[pathlib.Path, typer.Option(help=".npz with x_train, y_train, x_test, y_test, or x and y.")]
Settings = Annotated[Optional[list[str]], typer.Option(
    "--set", help="A setting of TinyPropConfig, as name=value; may be repeated.")]


LOSS = "sparse_categorical_crossentropy"
LossName = Annotated[str, typer.Option("--loss", help=f"{', '.join(LOSS_NAMES[:-1])} or {LOSS_NAMES[-1]}.")]
LabelSmoothing = Annotated[float, typer.Option(help="Label smoothing of a cross entropy, from 0 to 1.")]
HuberDelta = Annotated[float, typer.Option(help="Where the Huber loss becomes linear.")]
_OUTPUT_HELP = "Name or position of the output that the loss is taken on, for a model with several."
ModelOutput = Annotated[Optional[str], typer.Option("--output", "--model-output", help=_OUTPUT_HELP)]
# Where --output is a file.
LongModelOutput = Annotated[Optional[str], typer.Option("--model-output", help=_OUTPUT_HELP)]


class Method(str, enum.Enum):
    full = "full"
    top_k = "top-k"
    v1 = "v1"
    v2 = "v2"


class Format(str, enum.Enum):
    table = "table"
    json = "json"
