"""Templates: files of this package, for Jinja."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jinja2

from tflm_tinyprop.firmware import cpp


def render(name: str, values: Mapping[str, object]) -> str:
    """The template templates/<name> filled in; a value that is not there is an error."""
    return _environment().get_template(name).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    # C++, CMake and Markdown are no HTML: nothing is escaped.
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tflm_tinyprop.firmware"), undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {
        f.__name__: f for f in (cpp.array_body, cpp.byte_array_body, cpp.float_literal, cpp.literals)}
    return environment
