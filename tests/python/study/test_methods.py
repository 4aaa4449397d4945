"""The table of methods: what each asks of a backend."""

import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.study.backends import choose_backend
from tflm_tinyprop.study.methods import INTERPRETER, METHODS, SIMULATION, make_method

ASKED = {
    "none": (None, None, {}),
    "full": (tp.TinyPropConfig.full(), None, {}),
    "top_k": (tp.TinyPropConfig.top_k(0.1), None, {}),
    "random_k": (tp.TinyPropConfig.top_k(0.1), None, {"selection": "random"}),
    "v1": (tp.TinyPropConfig.v1(), None, {}),
    "v2": (tp.TinyPropConfig.v2(), None, {}),
    "v2_decay": (tp.TinyPropConfig.v2(decay=0.999), None, {}),
    "last_layer": (tp.TinyPropConfig.full(), 1, {}),
    "last_n": (tp.TinyPropConfig.full(), 2, {}),
    "bias_only": (tp.TinyPropConfig.full(), None, {"bias_only": True}),
    "static_channels": (tp.TinyPropConfig.full(), None, {"static_channels": 0.25}),
}


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_asks(name):
    training = make_method(name).training
    assert (training.config, training.last_layers, dict(training.options)) == ASKED[name]
    assert training.backends == ((SIMULATION,) if training.options else (INTERPRETER, SIMULATION))
    assert choose_backend("auto", training) == training.backends[0]
    assert choose_backend(SIMULATION, training) == SIMULATION


def test_settings_reach_the_configuration():
    training = make_method("v2", s_min=0.1, threshold="1e-2", decision="loss").training
    assert training.config == tp.TinyPropConfig.v2(s_min=0.1, threshold=0.01)
    assert training.options == {"decision": "loss"} and training.backends == (SIMULATION,)
    assert make_method("last_n", n=4).training.last_layers == 4


def test_labels():
    assert make_method("top_k", ratio=0.25).label == "top-k 25 %"
    assert make_method("last_n", n=3).label == "last 3 layers"
    assert make_method("v2").label == "TinyProp v2"
    assert make_method("v2", zeta=0.5, decision="loss").label == "TinyProp v2 (zeta 0.5, decision loss)"
    assert make_method("v2", label="mine").label == "mine"


def test_contradictions():
    with pytest.raises(tp.ConfigError, match="here: TinyPropConfig needs 0 <= s_min <= s_max <= 1"):
        make_method("v2", path="here", s_min=1, s_max=0.5)
    with pytest.raises(tp.ConfigError, match="method full has no setting 'ratio'; there are none"):
        make_method("full", ratio=0.5)
    with pytest.raises(tp.ConfigError, match="p.n: expected a whole number, got 1.5"):
        make_method("last_n", path="p", n=1.5)
