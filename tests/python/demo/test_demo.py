"""The demo reaches its bars and writes what it promises."""

import json

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.demo import run_demo
from tflm_tinyprop.demo import task as digits


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    run_demo(out)
    return out, json.loads((out / "report.json").read_text())


@pytest.mark.slow
def test_the_bars(demo):
    methods = demo[1]["methods"]
    none, full, v2 = (methods[name] for name in ("none", "full", "v2"))
    assert full["accuracy_after"] >= none["accuracy_after"] + 0.15
    assert v2["accuracy_after"] >= full["accuracy_after"] - 0.01
    assert v2["backward_effort"] <= 0.10


@pytest.mark.slow
def test_the_report_is_complete(demo):
    out, report = demo
    assert {p.name for p in out.iterdir()} == {
        "trainable.tflite", "tuned.tflite", "curves.png", "layers.png", "report.md", "report.json"}
    assert report["seeds"] == [0, 1, 2]
    assert report["model_bytes"] == (out / "trainable.tflite").stat().st_size
    assert report["arena_bytes"] == tp.load(out / "trainable.tflite").arena_bytes
    assert list(report["methods"]) == ["none", "full", "top_k", "v1", "v2"]
    metrics = {"accuracy_before", "accuracy_after", "backward_effort", "step_effort", "skip_rate"}
    for method in report["methods"].values():
        assert set(method) == metrics | {f"{m}_std" for m in metrics}
    text = (out / "report.md").read_text()
    assert "curves.png" in text and "TinyProp v2" in text


@pytest.mark.slow
def test_the_tuned_model_is_an_ordinary_one_with_the_reported_accuracy(demo):
    import tensorflow as tf

    out, _ = demo
    lite = tf.lite.Interpreter(model_path=str(out / "tuned.tflite"))
    lite.allocate_tensors()
    assert not any("TinyProp" in op["op_name"] for op in lite._get_ops_details())
    test = digits.load_task(0).test
    predicted = []
    for x in test.x:
        lite.set_tensor(lite.get_input_details()[0]["index"], x[None])
        lite.invoke()
        predicted.append(lite.get_tensor(lite.get_output_details()[0]["index"]).argmax())
    assert np.mean(np.array(predicted) == test.y) > 0.9


def test_the_parts_of_the_task_do_not_overlap():
    task = digits.load_task(0)
    assert [len(part.y) for part in (task.source, task.tuning, task.test)] == [898, 599, 300]
    seen = {x.tobytes() for x in task.tuning.x}
    duplicates = sum(x.tobytes() in seen for x in task.test.x)
    assert duplicates <= 2  # the data set has a few images twice
    assert 0 <= task.test.x.min() and task.test.x.max() <= 1
