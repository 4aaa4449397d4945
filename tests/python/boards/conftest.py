"""Figures that tests measure, for the documentation."""

import json

import pytest
from boards import ROOT


@pytest.fixture(scope="module")
def figures(request):
    """A dictionary that ends up in out/firmware/<name of the test file>.json."""
    measured = {}
    yield measured
    folder = ROOT / "out/firmware"
    folder.mkdir(parents=True, exist_ok=True)
    name = request.module.__name__.removeprefix("test_")
    (folder / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n")
