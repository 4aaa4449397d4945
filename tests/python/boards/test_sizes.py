"""tools/sizes.py: the bar for dense training, and that the figures hold together."""

import importlib.util
import json
import sys

import pytest
from boards import ROOT

from tflm_tinyprop.format import tables


@pytest.fixture(scope="module")
def sizes():
    spec = importlib.util.spec_from_file_location("sizes", ROOT / "tools/sizes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(sizes, folder, monkeypatch, *arguments) -> dict:
    monkeypatch.delenv("TFLM_INCLUDE", raising=False)
    monkeypatch.setattr(sys, "argv", ["sizes.py", "--out", str(folder), *arguments])
    sizes.main()
    return json.loads((folder / "sizes.json").read_text())


def total(size: dict[str, int]) -> int:
    return size["code"] + size["constants"]


def test_sizes(sizes, tmp_path, monkeypatch):
    report = measure(sizes, tmp_path, monkeypatch, "--check")
    assert report["bar"]["passed"] and report["tflm_headers"] == "stand-ins"
    assert list(report["processors"]) == ["Cortex-M0+", "Cortex-M4F", "Cortex-M55"]
    for measured in report["processors"].values():
        files, ops, together = measured["files"], measured["ops"], measured["together"]
        assert set(files) == {str(p.relative_to(ROOT)) for p in (ROOT / "cc").glob("*/*.cc")
                              if p.parent.name in ("core", "tflm", "runtime")}
        assert len(ops) == len(tables.OPS) and "TinyPropSoftmaxGrad" in ops
        dense = total(together["dense training"])
        parts = [total(ops[f"TinyProp{op}"]) for op in sizes.DENSE]
        assert max(parts) < dense < sum(parts)  # they share some of what they reach
        assert total(together["dense training, checks stripped"]) < dense < total(together["all ops"])
        every = total(together["all ops and the runtime"])
        assert total(together["all ops"]) < every <= sum(map(total, files.values())) + 64  # alignment


def test_a_missed_bar_is_an_error(sizes, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "PROCESSORS", {"Cortex-M4F": sizes.PROCESSORS["Cortex-M4F"]})
    monkeypatch.setitem(sizes.BAR, "bytes", 1000)
    assert not measure(sizes, tmp_path, monkeypatch)["bar"]["passed"]
    with pytest.raises(SystemExit) as ended:
        measure(sizes, tmp_path, monkeypatch, "--check")
    assert ended.value.code == 1
