"""YAML files and the types of what stands in them; every error names the place in the file and what may stand there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import pydantic
import yaml
from pydantic import AfterValidator, BeforeValidator, Field, Strict

from tflm_tinyprop.errors import ConfigError, TinyPropError

STRICT = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys and says nothing; here that is an error.

    So are aliases, of which a few lines stand for more text than memory holds as soon as somebody prints it.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"the alias *{event.anchor} is not supported; write the value out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(text: str, name: str):
    """The content of a YAML file. Raises ConfigError with line and column if it is not one."""
    try:
        return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506, a subclass of SafeLoader
    except (yaml.YAMLError, TypeError, RecursionError) as error:  # TypeError: a mapping as a key
        raise ConfigError(f"{name} is not valid YAML: {error}") from error
    except ValueError as error:  # a date or a number that is none
        raise ConfigError(f"{name} is not valid YAML: {error}; text that looks like a date or a number needs quotes") from error


def _number(value):
    """YAML 1.1 reads 1e-3 (without a dot) as text; that is taken as a number too."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _whole(value):
    value = _number(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


Number = Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(_number)]
Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
Text = Annotated[str, Field(strict=True, min_length=1)]
Flag = Annotated[bool, Strict()]
Positive = Annotated[Number, Field(ge=1e-12)]
Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[Whole, Field(ge=1)]


def one_of(known: Iterable, what: str) -> AfterValidator:
    """For Annotated: refuses what is not one of `known`, and lists them."""

    def check(value):
        if value not in list(known):
            raise ValueError(f"unknown {what} {value!r}; there are {', '.join(map(str, known))}")
        return value

    return AfterValidator(check)


def mapping(known: Iterable[str], short: str | None = None) -> BeforeValidator:
    """For Annotated: a mapping with some of these keys; with `short` anything else is taken for the value of that key."""

    def check(value):
        if short and not isinstance(value, dict):
            return {short: value}
        if not isinstance(value, dict):
            raise ValueError(f"expected a mapping with {', '.join(known)}; got {value!r}")
        for key in value:
            if key not in known:
                raise ValueError(f"unknown key {key!r}; there are {', '.join(known)}")
        return value

    return BeforeValidator(check)


def not_empty(value):
    if value == []:
        raise ValueError("the list is empty")
    return value


def _listed(value):
    return not_empty(value) if isinstance(value, list) else (value,)


def _distinct(found: tuple) -> tuple:
    for index, element in enumerate(found):
        if element in found[:index]:
            raise ValueError(f"{element!r} is listed twice")
    return found


def several(kind):
    """One value or a list of them; two equal ones are an error, since they would count twice."""
    return Annotated[tuple[kind, ...], BeforeValidator(_listed), AfterValidator(_distinct)]


def read(kind, value, path: str, **context):
    """`value` as a `kind`.

    Raises ConfigError with the place, below `path`, of what is wrong first; what else a validator raised stays itself.
    """
    try:
        return pydantic.TypeAdapter(kind).validate_python(value, context=context)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, TinyPropError) and not isinstance(cause, ConfigError):
        raise cause  # such as a file that cannot be read
    place = first["loc"][:-1] if first["type"] == "missing" else first["loc"]
    raise ConfigError(f"{_place(path, place, value)}: {_what(first)}")


def _place(path: str, parts: tuple, value) -> str:
    """As it is in the file: what a short form leaves out is not there."""
    for part in parts:
        if isinstance(part, int) and isinstance(value, list):
            path, value = f"{path}[{part}]", value[part]
        elif isinstance(part, str) and isinstance(value, dict):
            path, value = f"{path}.{part}", value.get(part)
    return path


def _what(error: dict) -> str:
    kind, got, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return f"the key {error['loc'][-1]!r} is missing"
    if kind == "value_error":
        return str(context["error"])
    wanted = {
        "greater_than_equal": f"a number of at least {context.get('ge')}",
        "less_than_equal": f"a number of at most {context.get('le')}",
        "greater_than": f"a number above {context.get('gt')}", "less_than": f"a number below {context.get('lt')}",
        "int_type": "a whole number" if isinstance(got, float) and math.isfinite(got) else "a number",
        "float_type": "a number", "finite_number": "a number", "bool_type": "true or false", "string_type": "text",
        "string_too_short": "text", "dict_type": "a mapping",
    }
    return f"expected {wanted.get(kind, error['msg'])}, got {got!r}"
