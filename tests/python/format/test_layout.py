"""Structs that are described field by field, and how they grow."""

import pytest

from tflm_tinyprop.format.layout import Field, Group, LayoutError, NewerVersionError, Struct

INNER = Struct("Inner", "", (Field("a", "u16"), Field("b", "u16")))
GROWN = Struct("Grown", "", (
    Field("first", "u8", highest=3),
    Field(None, "u8", count=3),
    Group("inner", INNER),
    Field("rates", "f32", count=2),
    Field("second", "u16", since=2, default=77, lowest=1),
    Field("third", "f32", since=3, default=2.5),
), tail=(Field("last", "u32"),))
OLD = {"first": 2, "a": 0x102, "b": 3, "rates": (0.5, 1.0), "last": 9}
BODY = bytes.fromhex("02 000000 0201 0300 0000003f 0000803f")


def test_fields_lie_in_order_and_later_ones_behind_them():
    assert [GROWN.size(version) for version in (1, 2, 3)] == [20, 22, 26]
    assert GROWN.offset("b") == 6 and GROWN.offset("second") == 16 and GROWN.offset("last") == 22
    assert GROWN.version == 3 and INNER.version == 1
    assert GROWN.index("a") == 2


def test_a_writer_takes_the_lowest_version_that_says_it_all():
    assert GROWN.version_for(OLD) == 1 and GROWN.pack(OLD) == BODY + bytes.fromhex("09000000")
    assert GROWN.pack({**OLD, "second": 77, "third": 2.5}) == GROWN.pack(OLD)
    assert GROWN.pack({**OLD, "second": 5}) == BODY + bytes.fromhex("0500 09000000")
    assert GROWN.pack({**OLD, "third": 2.0}) == BODY + bytes.fromhex("4d00 00000040 09000000")


def test_a_reader_fills_in_what_a_file_is_too_old_for():
    assert GROWN.unpack(GROWN.pack(OLD), 1) == {**OLD, "second": 77, "third": 2.5}
    assert GROWN.unpack(GROWN.pack({**OLD, "second": 5}), 2) == {**OLD, "second": 5, "third": 2.5}
    new = {**OLD, "second": 5, "third": 2.0}
    assert GROWN.unpack(b"??" + GROWN.pack(new) + b"behind", 3, at=2) == new


def test_what_is_too_short_or_newer_is_refused():
    for version in (1, 2, 3):
        content = GROWN.pack(OLD, version)
        for length in range(len(content)):
            with pytest.raises(LayoutError, match=f"{length} bytes of version {version}"):
                GROWN.unpack(content[:length], version)
            with pytest.raises(LayoutError, match=f"{length} bytes of version {version}"):  # whatever size it is said to have
                GROWN.unpack(b"?" + content[:length], version, at=1, size=len(content))
    with pytest.raises(NewerVersionError, match="version 4.*up to 3"):
        GROWN.unpack(bytes(100), 4)
    with pytest.raises(LayoutError):
        GROWN.unpack(bytes(100), 0)


@pytest.mark.parametrize(("change", "name"), [({"first": 4}, "first"), ({"second": 0}, "second"), ({}, None)])
def test_values_that_no_reader_accepts(change, name):
    assert GROWN.unknown_value({**OLD, "second": 1, "third": 0.0, **change}) == name


def test_flags_bound_their_field():
    struct = Struct("Flagged", "", (Field("flags", "u8", flags={1: "one", 4: "four"}),))
    assert all(struct.unknown_value({"flags": known}) is None for known in (0, 1, 4, 5))
    assert all(struct.unknown_value({"flags": unknown}) == "flags" for unknown in (2, 3, 6, 8, 9, 255))


def test_a_group_may_not_grow():
    grown = Struct("Group", "", (Field("a", "u8"), Field("b", "u8", since=2)))
    with pytest.raises(AssertionError, match="has grown"):
        Struct("Outer", "", (Group("group", grown),))
    with pytest.raises(AssertionError, match="come last"):
        Struct("Mixed", "", (Field("a", "u8", since=2), Field("b", "u8")))
