"""What fits into a given RAM: fit_memory() and `tinyprop fit-memory`."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import tflm_tinyprop as tp
from tflm_tinyprop.cli.app import app
from tflm_tinyprop.format.graph import Op, read_graph, write_graph
from tflm_tinyprop.memory_fit import largest_fit, parse_bytes
from tflm_tinyprop.models.tiny_models import dense_classifier

UNITS = [8, 16, 12, 4]


@pytest.fixture(scope="module")
def plain():
    return dense_classifier(UNITS, seed=1)


@pytest.fixture(scope="module")
def fits(plain):
    return tp.fit_memory(plain, 4500, verbose=False)


@pytest.fixture
def run(tmp_path, plain, monkeypatch):
    (tmp_path / "m.tflite").write_bytes(plain)
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        result = CliRunner().invoke(app, ["fit-memory", *map(str, arguments)])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.output

    return call


def test_every_number_of_last_layers(fits):
    parameters = [n * m + m for n, m in zip(UNITS[:-1], UNITS[1:], strict=True)]
    assert [fit.layers for fit in fits] == [1, 2, 3]
    assert [fit.first_layer for fit in fits] == ["dense_3", "dense_2", "dense_1"]
    assert [fit.parameters for fit in fits] == [sum(parameters[-n:]) for n in (1, 2, 3)]
    assert [fit.weights for fit in fits] == [4 * fit.parameters for fit in fits]
    # Per layer on the backward path, and one for the decision: a running maximum and four statistics.
    assert [fit.state for fit in fits] == [4 * (1 + 4) * (1 + n) for n in (1, 2, 3)]
    # Kept: the input of the first trained layer and everything up to the logits that a gradient op reads.
    assert [fit.activations for fit in fits] == sorted(fit.activations for fit in fits)
    assert all(fit.arena > fit.weights + fit.state + fit.activations for fit in fits)


def test_the_figures_are_those_of_the_converted_model(plain, fits):
    for fit in fits:
        model = tp.convert(plain, trainable_layers=fit.layers)
        assert (fit.arena, fit.flash) == (model.arena_bytes, len(model.data))


def test_what_fits(plain, fits):
    assert [fit.fits for fit in fits] == [fit.arena <= 4500 for fit in fits]
    assert {fit.fits for fit in fits} == {True, False}
    best = largest_fit(fits)
    for ram, expected in ((best.arena, best.layers), (best.arena - 1, best.layers - 1)):
        again = largest_fit(tp.fit_memory(plain, ram, verbose=False))
        assert (again.layers if again else 0) == expected


def test_batch_and_loss(fits):
    larger = tp.fit_memory(dense_classifier(UNITS, seed=1, batch_size=8), 1, batch_size=8,
                           loss="categorical_crossentropy", verbose=False)
    assert all(a.arena > b.arena and a.activations == 8 * b.activations for a, b in zip(larger, fits, strict=True))


def test_layers_that_cannot_be_trained_end_the_list(run, tmp_path, plain):
    graph = read_graph(plain)
    # Between dense_1 and dense_2 an op without a gradient.
    first = next(i for i, op in enumerate(graph.ops) if op.kind == "FULLY_CONNECTED")
    output = graph.ops[first].outputs[0]
    changed = graph.add_tensor(type(graph.tensors[output])("floor", graph.tensors[output].shape, np.dtype(np.float32)))
    graph.ops[first + 1].inputs[0] = changed
    graph.ops.insert(first + 1, Op("FLOOR", [output], [changed]))
    (tmp_path / "floor.tflite").write_bytes(write_graph(graph))
    assert [fit.layers for fit in tp.fit_memory(str(tmp_path / "floor.tflite"), 10**6, verbose=False)] == [1, 2]
    assert "More than 2 cannot be trained: " in run("floor.tflite", "--ram", "1M") and "FLOOR" in run("floor.tflite", "--ram", "1M")
    content = json.loads(run("floor.tflite", "--ram", "1M", "--format", "json"))
    assert content["largest"] == 2 and "FLOOR" in content["stopped_by"]


def test_table_and_json(run, fits):
    output = run("m.tflite", "--ram", "4500")
    best = largest_fit(fits)
    assert f"The last {best.layers} fit: tinyprop convert --trainable-layers {best.layers}" in output
    assert all(f"{fit.arena:,}" in output for fit in fits) and "More than" not in output
    content = json.loads(run("m.tflite", "--ram", "4500", "--format", "json"))
    assert content["largest"] == best.layers and content["stopped_by"] is None and content["ram_bytes"] == 4500
    assert content["fits"][0]["arena"] == fits[0].arena
    assert f"Not even the last layer fits: it takes an arena of {fits[0].arena:,} bytes" in run("m.tflite", "--ram", "1k")


def test_keras_files(run, tmp_path, keras_classifier):
    for name in ("m.keras", "m.h5"):
        keras_classifier.save(tmp_path / name)
        content = json.loads(run(name, "--ram", "1M", "--format", "json"))
        assert [fit["first_layer"] for fit in content["fits"]] == ["last", "second", "first"]


@pytest.mark.parametrize(("text", "expected"), [
    ("65536", 65536), ("64k", 65536), ("64K", 65536), ("64kB", 65536), ("64 KiB", 65536), ("0.5M", 524288),
    ("1MiB", 1048576), ("2g", 2**31), ("100B", 100),
])
def test_sizes(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "k", "64x", "-1k", "0", "1e3", "0.3", "1.5", "1.0001k", "64 k B"])
def test_sizes_that_are_none(text):
    with pytest.raises(tp.ConfigError, match="is no number of bytes"):
        parse_bytes(text)


@pytest.mark.parametrize(("arguments", "expected"), [
    (("m.tflite", "--ram", "much"), "'much' is no number of bytes"),
    (("missing.keras", "--ram", "1k"), "no such file"),
    (("m.tflite", "--ram", "1k", "--loss", "hinge"), "loss 'hinge' is not supported"),
    (("m.tflite", "--ram", "1k", "--batch-size", "2"), "batch_size=2"),
])
def test_errors_are_one_line(run, arguments, expected):
    output = run(*arguments, code=1)
    assert output.startswith("error: ") and expected in output and output.count("\n") == 1


def test_ram_must_be_a_number_of_bytes(plain):
    for wrong in (0, -1, True, 64.0, "64k"):
        with pytest.raises(tp.ConfigError, match="ram_bytes must be a positive number"):
            tp.fit_memory(plain, wrong)
