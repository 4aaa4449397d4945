"""The list of mutants (tests/mutants) fits the sources. tools/mutants.py runs them, which takes too long for here."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import mutant_list as mutants

MUTANTS = mutants.load_mutants()


def test_there_are_enough_of_both_languages():
    assert len(MUTANTS) >= 150
    for suffix in (".cc", ".py"):
        assert sum(mutant.path.endswith(suffix) for mutant in MUTANTS) >= 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_an_entry_still_applies(mutant):
    mutants.check(mutant)


@pytest.mark.parametrize(("change", "message"), [
    ({"find": "nowhere to be found"}, "occurs 0 times"),
    ({"find": "e"}, "occurs [0-9]+ times"),
    ({"replace": "def needed_ops(", "find": "def needed_ops("}, "changes nothing"),
    ({"replace": "def ("}, "invalid syntax"),
    ({"path": "missing.py"}, "does not exist"),
    ({"cc": ("missing_test",)}, "no C\\+\\+ test missing_test"),
    ({"py": ("test_imports.py::test_missing",)}, "no Python test test_imports.py::test_missing"),
    ({"py": ()}, "no tests"),
])
def test_what_is_wrong_with_an_entry_is_said(change, message):
    entry = {"id": "wrong", "path": "python/tflm_tinyprop/firmware/ops.py", "find": "def needed_ops(",
             "replace": "def other(", "py": ("test_imports.py",), **change}
    with pytest.raises(mutants.ListError, match=f"wrong: .*{message}"):
        mutants.check(mutants.Mutant(**entry))


def test_the_nth_occurrence_is_replaced():
    entry = {"id": "nth", "path": "", "find": "a", "replace": "x"}
    assert mutants.Mutant(**entry, nth=2).apply("a b a b a") == "a b x b a"
    assert mutants.Mutant(**entry).apply("b a") == "b x"
    for nth in (0, 3, -1):
        with pytest.raises(mutants.ListError, match="occurs 2 times"):
            mutants.Mutant(**entry, nth=nth).apply("a a")
