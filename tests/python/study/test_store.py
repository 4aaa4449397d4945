"""What is in a study's folder is finished and belongs to its settings, or does not count."""

import json
import math

import pytest
from study_cases import result, settings

from tflm_tinyprop import files
from tflm_tinyprop.study.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    store.write(settings(), result(0.5))
    return store


def test_a_result_comes_back(store):
    found = store.read(settings())
    assert store.is_finished(settings()) and found["final"]["accuracy"] == 0.5
    assert found["settings"] == settings().as_dict() and found["id"] == settings().id
    assert not store.is_finished(settings(seed=1))


def test_a_failure_is_read_but_not_finished(store):
    store.write_failure(settings(), "its reason")
    assert store.read(settings())["error"] == "its reason" and not store.is_finished(settings())
    store.remove(settings())
    assert store.read(settings()) is None


def test_a_file_that_was_cut_anywhere_does_not_count(store):
    path = store.path(settings())
    content = path.read_bytes()
    for size in [*range(0, len(content) - 2, 97), len(content) - 2]:
        path.write_bytes(content[:size])
        assert store.read(settings()) is None and not store.is_finished(settings()), size


@pytest.mark.parametrize("content", [
    b"", b"null", b"[]", b"3", b'"text"', b"\xff\xfe", b"{}", b'{"status": "finished"}', b"{'format': 1}"])
def test_a_damaged_file_does_not_count(store, content):
    store.path(settings()).write_bytes(content)
    assert store.read(settings()) is None


@pytest.mark.parametrize("changes", [
    {"format": 2}, {"format": None}, {"settings": settings(seed=1).as_dict()}, {"settings": None},
    {"status": "running"}, {"status": None},
])
def test_a_file_of_something_else_does_not_count(store, changes):
    path = store.path(settings())
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))
    assert store.read(settings()) is None


def test_another_runs_file_under_its_name_does_not_count(store):
    other = settings(seed=1)
    store.path(settings()).rename(store.path(other))
    assert store.read(other) is None


def test_a_failed_write_leaves_the_old_file(store, monkeypatch):
    before = store.path(settings()).read_bytes()

    def broken(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        store.write(settings(), result(0.9))
    assert store.path(settings()).read_bytes() == before
    assert [path.name for path in store.path(settings()).parent.iterdir()] == [f"{settings().id}.json"]


def test_what_is_not_a_number_becomes_null(store):
    store.write(settings(), result(math.nan, history={"loss": [1.0, math.inf], "gradient_shares": {"d": (None, 0.5)}}))
    text = store.path(settings()).read_text()
    assert "NaN" not in text and "Infinity" not in text
    found = store.read(settings())
    assert found["final"]["accuracy"] is None and found["history"]["loss"] == [1.0, None]
    assert found["history"]["gradient_shares"] == {"d": [None, 0.5]} and store.is_finished(settings())
