"""Strict reading of YAML: every error names the place in the file and what may stand there."""

from __future__ import annotations

import math

import yaml

from tflm_tinyprop.errors import ConfigError

_REQUIRED = object()


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys and says nothing; here that is an error."""

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
    except (yaml.YAMLError, TypeError) as error:  # TypeError: a mapping as a key
        raise ConfigError(f"{name} is not valid YAML: {error}") from error


def choose(value, known, path: str, what: str):
    """value if it is one of `known`; else an error that lists them."""
    if value not in list(known):
        raise ConfigError(f"{path}: unknown {what} {value!r}; there are {', '.join(map(str, known))}")
    return value


def number(value, path: str, *, low: float = -math.inf, high: float = math.inf, integer: bool = False):
    """A finite number in [low, high]. YAML 1.1 reads 1e-3 (without a dot) as text; that is taken as a number too."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{path}: expected a number, got {value!r}")
    if integer and value != int(value):
        raise ConfigError(f"{path}: expected a whole number, got {value!r}")
    if not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        raise ConfigError(f"{path}: expected a number {limits}, got {value!r}")
    return int(value) if integer else float(value)


def text(value, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{path}: expected text, got {value!r}")
    return value


def flag(value, path: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{path}: expected true or false, got {value!r}")
    return value


def items(value, path: str) -> list[tuple[object, str]]:
    """The elements of a list that is not empty, each with its path; something else counts as a list of one."""
    if not isinstance(value, list):
        return [(value, path)]
    if not value:
        raise ConfigError(f"{path}: the list is empty")
    return [(element, f"{path}[{index}]") for index, element in enumerate(value)]


class Fields:
    """A mapping of which every key has to be taken."""

    def __init__(self, value, path: str, known):
        """known: all keys that may be there."""
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: expected a mapping with {', '.join(known)}; got {value!r}")
        for key in value:
            if key not in known:
                raise ConfigError(f"{path}: unknown key {key!r}; there are {', '.join(known)}")
        self._values = value
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def take(self, key: str, read, default=_REQUIRED, **options):
        """read(value, path, **options) of the key's value; `default` without the key."""
        if key not in self._values:
            if default is _REQUIRED:
                raise ConfigError(f"{self.path}: the key {key!r} is missing")
            return default
        return read(self._values[key], f"{self.path}.{key}", **options)
