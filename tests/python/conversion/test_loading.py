"""Trainable models as files: what fits together, what does not, and what is written."""

import dataclasses
import os

import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import Tensor, read_graph, write_graph


def test_saving_and_loading(model, tmp_path):
    path = model.save(tmp_path / "m.tflite")
    assert tp.load(path).data == model.data
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path)
    model.save(path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]


def test_loading_an_ordinary_model(plain_tflite, tmp_path):
    path = tmp_path / "plain.tflite"
    path.write_bytes(plain_tflite)
    with pytest.raises(ModelError, match=r"plain.tflite.*not a trainable model.*convert"):
        tp.load(path)


def test_loading_with_damaged_options(model):
    graph = read_graph(model.data)
    graph.ops[-1].custom_options = graph.ops[-1].custom_options[:5]
    with pytest.raises(ModelError, match="TinyPropFullyConnectedGrad.*damaged"):
        tp.TrainableModel(write_graph(graph))


@pytest.mark.parametrize("damage", [
    lambda g: g.outputs.pop(),
    lambda g: g.inputs.insert(0, g.add_tensor(Tensor("more", (1, 4), g.tensors[g.inputs[0]].dtype))),
    lambda g: g.outputs.reverse(),
])
def test_metadata_that_does_not_fit_the_graph(model, damage):
    graph = read_graph(model.data)
    damage(graph)
    with pytest.raises(ModelError, match=metadata.ENTRY):
        tp.TrainableModel(write_graph(graph))


@pytest.mark.parametrize(("message", "changes"), [
    ("number of inputs", {"model_inputs": 2, "label_input": 2, "control_input": 3}),
    ("positions of label and control", {"label_input": 0}),
    ("number of outputs", {"first_variable_output": 4}),
    ("number of outputs", {"first_variable_output": 2, "statistics_output": 1, "loss_output": 1}),
    ("outputs", {"loss_output": 3}),
    ("number of tensors", {"original_tensors": 1000}),
])
def test_a_field_of_the_metadata_that_does_not_fit(model, message, changes):
    with pytest.raises(ModelError, match=rf"does not fit the model \({message}\)"):
        with_metadata(model, dataclasses.replace(model.training, **changes))


@pytest.mark.parametrize(("message", "changes"), [
    ("tensor index", {"initial": 1000}), ("tensor index", {"variable": 1000}), ("variables", {"initial": 0}),
    ("size of a variable", {"elements": 8 * 16 + 1}), ("order of the variables", {"variable": "the last one's"}),
])
def test_a_variable_of_the_metadata_that_does_not_fit(model, message, changes):
    first, *others = model.training.variables
    if message == "order of the variables":  # a variable of the same size, which another output shows
        other = model.graph.copy()
        changes = {"variable": other.add_tensor(dataclasses.replace(other.tensors[first.variable], name="other"))}
        model = tp.TrainableModel(write_graph(other))
    changed = dataclasses.replace(model.training, variables=(dataclasses.replace(first, **changes), *others))
    with pytest.raises(ModelError, match=rf"does not fit the model \({message}\)"):
        with_metadata(model, changed)


def test_a_layer_of_the_metadata_that_does_not_fit(model):
    last = dataclasses.replace(model.training.layers[-1], operator=len(model.graph.ops))
    with pytest.raises(ModelError, match=r"\(operator index\)"):
        with_metadata(model, dataclasses.replace(model.training, layers=(*model.training.layers[:-1], last)))


def with_metadata(model, training) -> tp.TrainableModel:
    graph = model.graph.copy()
    graph.metadata[metadata.ENTRY] = training.pack()
    return tp.TrainableModel(write_graph(graph))


def test_a_failure_while_writing_leaves_nothing(model, tmp_path, monkeypatch):
    (tmp_path / "m.tflite").write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(tmp_path / "m.tflite", overwrite=True)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.tflite", b"old")]


def test_a_file_has_the_permissions_of_any_new_file(model, tmp_path):
    (tmp_path / "other").touch()
    assert model.save(tmp_path / "m.tflite").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_summary_shows_every_layer(model):
    lines = []
    model.summary(lines.append)
    text = "\n".join(lines)
    for expected in ("dense_1", "dense_3", "FULLY_CONNECTED", "128", "arena for training", "threshold"):
        assert expected in text
