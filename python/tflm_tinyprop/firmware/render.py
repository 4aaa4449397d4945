"""Templates: files of this package with @name@ where a value goes."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"@([a-z_]+)@")


def render(name: str, values: Mapping[str, object]) -> str:
    """The template templates/<name> with its placeholders filled in. Other @ are left alone."""
    text = importlib.resources.files(__package__).joinpath("templates", *name.split("/")).read_text("utf-8")
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
