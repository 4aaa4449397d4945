"""What is said about a model, layer by layer."""

import pytest
from stateful_models import delayed, lstm, svdf

import tflm_tinyprop as tp
from tflm_tinyprop import describe
from tflm_tinyprop.format.graph import read_graph, write_graph
from tflm_tinyprop.models.tiny_models import dense_classifier

# 8-16-12-4 with ReLU. A float32 activation of n elements takes 4 n bytes.
INPUT, FIRST, SECOND, LOGITS = 32, 64, 48, 16


def infos_of(batch_size=1, **options):
    data = dense_classifier([8, 16, 12, 4], seed=1, batch_size=batch_size)
    model = tp.convert(data, batch_size=batch_size, **options)
    return model, describe.layer_infos(model)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_layers_of_a_model_that_is_trained_whole(batch_size):
    model, infos = infos_of(batch_size)
    assert [info.name for info in infos] == ["dense_1", "dense_2", "dense_3"]
    assert [info.parameters for info in infos] == [8 * 16 + 16, 16 * 12 + 12, 12 * 4 + 4]
    assert [info.forward_macs for info in infos] == [8 * 16, 16 * 12, 12 * 4]
    assert [info.backward_macs for info in infos] == [8 * 16, 2 * 16 * 12, 2 * 12 * 4]
    assert [info.input_shape for info in infos] == [(batch_size, n) for n in (8, 16, 12)]
    assert [info.output_shape for info in infos] == [(batch_size, n) for n in (16, 12, 4)]
    # An activation that two layers need counts at the lower one; the logits are needed by the loss alone.
    assert [info.kept_bytes for info in infos] == [batch_size * n for n in (INPUT + FIRST, SECOND, 0)]
    assert sum(describe.kept_activations(model).values()) == batch_size * (INPUT + FIRST + SECOND + LOGITS)


def test_frozen_layers():
    _, infos = infos_of(trainable_layers=["dense_2"])
    assert [info.trainable for info in infos] == [False, True, False]
    assert [info.backward_macs for info in infos] == [0, 16 * 12, 12 * 4]
    # The last layer only hands down, for which it needs its weights alone.
    assert [info.kept_bytes for info in infos] == [0, FIRST + SECOND, 0]


@pytest.mark.parametrize("make", [lstm, svdf, delayed])
def test_layers_of_models_with_state(make):
    model = tp.convert(make(), trainable_layers=["last"], loss="mean_squared_error")
    assert [info.name for info in describe.layer_infos(model)][-1] == "last"


@pytest.mark.parametrize(("make", "stateful", "text"), [
    (lambda: dense_classifier([2, 2]), True, "none"), (lstm, False, "reset before every sample"), (delayed, True, "kept (stateful)"),
])
def test_state_is_shown(make, stateful, text, monkeypatch):
    monkeypatch.setattr(describe, "arena_sizes", lambda _: {"inference": 1, "training": 2})
    model = tp.convert(make(), trainable_layers=1, loss="mean_squared_error", stateful=stateful)
    lines = []
    describe.print_inspection(model, lines.append)
    assert f"state of its own ops   {text}\n" in "\n".join([*lines, ""])
    assert describe.as_dict(model)["state"] == text.split(" (")[0]


@pytest.mark.parametrize("name", ["enc[mel]", "enc[/mel]", "[bold]x", "[red", ":smile:", "[link=http://x]y"])
def test_names_are_shown_as_they_are(name, monkeypatch):
    """Rich takes text in brackets for markup."""
    monkeypatch.setattr(describe, "arena_sizes", lambda _: {"inference": 1, "training": 2})
    graph = read_graph(dense_classifier([4, 3, 2]))
    for tensor in graph.tensors:
        tensor.name = tensor.name.replace("dense_1", name)
    model = tp.convert(write_graph(graph), verify=False)
    lines = []
    describe.print_inspection(model, lines.append)
    layer = model.training.layers[0].name
    assert any(f"│ {layer} " in line for text in lines for line in text.split("\n"))
    assert f" {layer}/kernel " in "\n".join(lines)
