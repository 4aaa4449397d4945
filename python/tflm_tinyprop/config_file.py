"""A TinyPropConfig as a JSON file: what `tinyprop tune` writes and `tinyprop convert --config` takes."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import ConfigError


def write_config(path: str | os.PathLike, config: TinyPropConfig, *, overwrite: bool = False) -> pathlib.Path:
    """Writes all settings. Raises FileExistsError if the file exists and may not be overwritten."""
    return files.write_whole(path, json.dumps(dataclasses.asdict(config), indent=2) + "\n", overwrite=overwrite)


def read_config(path: str | os.PathLike) -> TinyPropConfig:
    """Settings that the file does not have keep their defaults.

    Raises ConfigError if it is no JSON object, names an unknown setting (with those that there are) or holds a value
    that is out of its range; ModelError if the file cannot be read.
    """
    content = files.read_bytes(path)  # its ModelError is a ValueError
    try:
        values = json.loads(content)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    names = [field.name for field in dataclasses.fields(TinyPropConfig)]
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected an object with {', '.join(names)}")
    for name in values:
        if name not in names:
            raise ConfigError(f"{path}: no setting {name!r}; there are {', '.join(names)}")
    try:
        return TinyPropConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
