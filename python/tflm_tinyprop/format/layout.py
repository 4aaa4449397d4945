"""Binary structs, described field by field.

A description (tables.py has them all) is the only statement of a layout: Python packs and unpacks by it, and tools/wire_format.py
makes the C++ header, the tables of SPEC.md and the test vectors from it.

How a struct grows: a new field is appended under the next version. A writer uses the lowest version whose fields say all that
there is to say, so that older readers read what they can. A reader refuses a version above its own; of a version that it
knows it takes the fields it knows, gives those that a file is too old for their defaults, and ignores bytes behind them.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "f32": "f", "bytes": "s"}


class LayoutError(ValueError):
    """Bytes that are not such a struct."""


class NewerVersionError(LayoutError):
    """A struct of a version above those that are known."""


@dataclasses.dataclass(frozen=True, eq=False)
class Field:
    """One field of a struct.

    Attributes:
        name: None for reserved bytes, which are written as 0 and ignored.
        type: u8, u16, u32, u64, f32 or bytes. count: how many of them.
        text: what it is, for SPEC.md.
        since: version of the struct that brought it. default: what it is in older ones.
        lowest, highest: the values that a reader accepts; None for all that the type has.
        flags: {bit: name} of a field of bits; other bits are refused.
    """

    name: str | None
    type: str
    text: str = ""
    count: int = 1
    since: int = 1
    default: int | float = 0
    lowest: int | None = None
    highest: int | None = None
    flags: Mapping[int, str] | None = None

    @property
    def size(self) -> int:
        return struct.calcsize(self._code)

    @property
    def _code(self) -> str:
        if self.name is None:
            return f"<{self.count * struct.calcsize('<' + _CODES[self.type])}x"
        return f"<{self.count}{_CODES[self.type]}" if self.count > 1 else f"<{_CODES[self.type]}"

    def pack(self, value) -> bytes:
        if self.name is None:
            return bytes(self.size)
        return struct.pack(self._code, *value) if self.count > 1 and self.type != "bytes" else struct.pack(self._code, value)

    def unpack(self, data: bytes, offset: int):
        values = struct.unpack_from(self._code, data, offset)
        return values if self.count > 1 and self.type != "bytes" else values[0]

    def is_known(self, value) -> bool:
        """Whether a value is one that a reader accepts."""
        if self.flags:
            return not value & ~sum(self.flags)
        return (self.lowest is None or value >= self.lowest) and (self.highest is None or value <= self.highest)


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Fields that several structs have as a struct of their own. It never grows: that would move what follows it."""

    name: str  # of the member, in C++
    struct: Struct


@dataclasses.dataclass(frozen=True, eq=False)
class Struct:
    """A struct: its fields in order, those of later versions behind those of earlier ones.

    Attributes:
        name: of the class in Python and C++.
        text: heading of its table in SPEC.md.
        members: fields, and groups of fields.
        tail: fields that stay the last ones in every version, behind those that are added.
    """

    name: str
    text: str
    members: tuple[Field | Group, ...]
    tail: tuple[Field, ...] = ()

    def __post_init__(self):
        versions = [field.since for field in self.fields()]
        assert versions == sorted(versions), f"{self.name}: later fields come last"
        for member in self.members:
            assert not isinstance(member, Group) or member.struct.version == 1, f"{self.name}.{member.name} has grown"

    def fields(self) -> list[Field]:
        """All fields but the tail, those of groups in their places."""
        return [field for member in self.members
                for field in (member.struct.fields() if isinstance(member, Group) else [member])]

    @property
    def version(self) -> int:
        """The highest there is."""
        return max((field.since for field in self.fields()), default=1)

    def layout(self, version: int | None = None) -> list[tuple[int, Field]]:
        """(offset, field) of all fields that the version has."""
        placed, offset = [], 0
        last = self.version if version is None else version
        for field in (*(f for f in self.fields() if f.since <= last), *self.tail):
            placed.append((offset, field))
            offset += field.size
        return placed

    def size(self, version: int | None = None) -> int:
        """Bytes of a version."""
        return sum(field.size for _, field in self.layout(version))

    def offset(self, name: str) -> int:
        """Where a field is in the latest version."""
        return next(offset for offset, field in self.layout() if field.name == name)

    def index(self, name: str) -> int:
        """Position among the fields, of a struct that is a tensor's last axis."""
        return [field.name for field in self.fields()].index(name)

    def version_for(self, values: Mapping) -> int:
        """The lowest version that holds these values."""
        return max((f.since for f in self.fields() if f.since > 1 and f.name and values.get(f.name, f.default) != f.default),
                   default=1)

    def pack(self, values: Mapping, version: int | None = None) -> bytes:
        """values: by field name; those with a default may be missing in later versions."""
        version = self.version_for(values) if version is None else version
        return b"".join(
            field.pack(None if field.name is None else values[field.name] if field.since == 1 else
                       values.get(field.name, field.default))
            for _, field in self.layout(version))

    def unpack(self, data: bytes, version: int, at: int = 0, size: int | None = None) -> dict:
        """Values by name, of a struct of `size` bytes (all from `at` on if None) that says it has this version.

        Raises NewerVersionError, or LayoutError if it is too short.
        """
        size = len(data) - at if size is None else size
        if version > self.version:
            raise NewerVersionError(f"version {version}, known are versions up to {self.version}")
        if version < 1 or size < self.size(version) or len(data) - at < size:
            raise LayoutError(f"{min(size, len(data) - at)} bytes of version {version}")
        found = {field.name: field.unpack(data, at + offset) for offset, field in self.layout(version) if field.name}
        return {field.name: found.get(field.name, field.default) for field in (*self.fields(), *self.tail) if field.name}

    def unknown_value(self, values: Mapping) -> str | None:
        """Name of the first field whose value no reader accepts."""
        return next((f.name for f in self.fields() if f.name and not f.is_known(values[f.name])), None)
