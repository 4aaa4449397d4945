"""TinyPropConfig: the methods by name, and the control tensor."""

import dataclasses

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop import config_file


def test_the_control_tensor_has_beta_folded_in():
    config = tp.TinyPropConfig(s_min=0.25, s_max=0.75, zeta=0.5, d_min=0.5, d_max=3.0, beta=0.5, threshold=1.5,
                               decay=0.875)
    control = config.control(0.125)
    assert control.dtype == np.float32
    assert control.tolist() == [0.125, 0.25, 0.75, 0.5, 0.25, 1.5, 1.5, 0.875]
    again = tp.TinyPropConfig.from_control(control)
    assert again == dataclasses.replace(config, d_min=0.25, d_max=1.5, beta=1.0)


def test_methods():
    v2 = tp.TinyPropConfig.v2()
    assert v2 == tp.TinyPropConfig() and v2.threshold > 0
    assert tp.TinyPropConfig.v1() == dataclasses.replace(v2, threshold=0.0)
    assert tp.TinyPropConfig.v1(s_min=0.1, threshold=0.25) == dataclasses.replace(v2, s_min=0.1, threshold=0.25)
    full, top_k = tp.TinyPropConfig.full(), tp.TinyPropConfig.top_k(0.25)
    assert (full.s_min, full.s_max, full.zeta, full.threshold) == (1, 1, 1, 0)
    assert top_k == dataclasses.replace(full, s_min=0.25, s_max=0.25)


@pytest.mark.parametrize(("settings", "what"), [
    ({"beta": -1.0}, "needs 0 <= beta"), ({"decay": float("nan")}, "decay must be finite"), ({"d_max": 10**400}, "must be finite"),
    ({"zeta": 1e39}, "needs a finite zeta in float32"), ({"d_max": 1e30, "beta": 1e30}, "needs a finite d_max in float32"),
    ({"d_min": -3e38, "d_max": 3e38}, "needs a difference of d_max and d_min that float32 holds"),
    ({"s_min": -5}, "needs 0 <= s_min <= s_max <= 1"), ({"decay": 1e-46}, "needs 0 < decay <= 1"),
])
def test_what_is_invalid_says_so(settings, what):
    with pytest.raises(tp.ConfigError, match=what):
        tp.TinyPropConfig(**settings)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range(ratio):
    with pytest.raises(tp.ConfigError):
        tp.TinyPropConfig.top_k(ratio)


def test_a_file_keeps_every_setting(tmp_path):
    config = tp.TinyPropConfig(s_min=0.1, zeta=0.7, beta=2.0, decay=0.99)
    path = config_file.write_config(tmp_path / "c.json", config)
    assert config_file.read_config(path) == config
    with pytest.raises(FileExistsError):
        config_file.write_config(path, config)
    path.write_text('{"s_min": 0.25}')
    assert config_file.read_config(path) == tp.TinyPropConfig(s_min=0.25)


@pytest.mark.parametrize(("text", "message"), [
    ("{", "is not valid JSON"), ("[0.5]", "expected an object with s_min, s_max"), ("3", "expected an object"),
    ('{"s_mim": 0.5}', "no setting 's_mim'; there are s_min, s_max"), ('{"s_min": 2}', "0 <= s_min"),
    ('{"s_min": "a lot"}', "must be a number"),
])
def test_what_is_wrong_with_a_file(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(tp.ConfigError, match=f"c.json.*{message}"):
        config_file.read_config(path)
    with pytest.raises(tp.ModelError, match="cannot read"):
        config_file.read_config(tmp_path / "missing.json")
