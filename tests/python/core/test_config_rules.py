"""Which settings are valid: the same in Python, which states the rules, and in C++, which Init and SetConfig ask."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.config import CONFIG_RULES, CONTROL_FIELDS, broken_rule, comparisons

LARGEST = np.finfo(np.float32).max
# Around every limit, and what float32 does not hold.
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-45, -1e-45, np.nextafter(np.float32(1), np.float32(2)),
                  np.nextafter(np.float32(1), np.float32(0)), LARGEST, -LARGEST, LARGEST / 2, -LARGEST / 2,
                  np.inf, -np.inf, np.nan, -5.0], np.float32)


def valid_control() -> np.ndarray:
    return tp.TinyPropConfig().control(0.0)


def assert_same(abi, control: np.ndarray) -> bool:
    expected = broken_rule(control) is None
    assert abi.is_valid_config(control) == expected, control
    return expected


def test_every_setting_alone(abi):
    for position in range(1, len(CONTROL_FIELDS)):
        verdicts = set()
        for value in EDGES:
            control = valid_control()
            control[position] = value
            verdicts.add(assert_same(abi, control))
        assert verdicts == {False, True}, CONTROL_FIELDS[position]


def test_any_settings_together(abi, rng):
    valid = 0
    for _ in range(20_000):
        control = valid_control()
        for position in rng.integers(1, len(CONTROL_FIELDS), rng.integers(1, 5)):
            control[position] = rng.choice(EDGES) if rng.random() < 0.5 else rng.uniform(-0.5, 1.5)
        valid += assert_same(abi, control)
    assert 2_000 < valid < 18_000


def test_any_bits(abi, rng):
    for _ in range(5_000):
        assert_same(abi, rng.integers(0, 2**32, 8, dtype=np.uint32).view(np.float32))


def test_the_learning_rate_is_no_setting(abi):
    for value in EDGES:
        control = valid_control()
        control[0] = value
        assert assert_same(abi, control)


@pytest.mark.parametrize("settings", [
    {"s_min": -5.0}, {"s_max": 1.01}, {"s_min": 0.9, "s_max": 0.8}, {"zeta": -0.1}, {"decay": 0.0}, {"decay": 1.01},
    {"d_min": 3.0, "d_max": 2.0}, {"threshold": 1e39}, {"zeta": 1e39}, {"decay": 1e-46}, {"d_max": 1e20, "beta": 1e20},
    {"d_min": -3e38, "d_max": 3e38}, {"d_min": -3e38, "d_max": 3e37, "beta": 1.5},
])
def test_a_config_is_what_the_control_tensor_makes_of_it(abi, settings):
    with pytest.raises(tp.ConfigError, match="TinyPropConfig needs "):
        tp.TinyPropConfig(**settings)
    values = {**{name: getattr(tp.TinyPropConfig(), name) for name in (*CONTROL_FIELDS[1:], "beta")}, **settings}
    beta = values.pop("beta")
    values.update(learning_rate=0.0, d_min=values["d_min"] * beta, d_max=values["d_max"] * beta)
    with np.errstate(over="ignore"):
        assert not abi.is_valid_config(np.array([values[name] for name in CONTROL_FIELDS]).astype(np.float32))


def test_the_rules_are_about_settings():
    words = {word for rule in CONFIG_RULES for left, _, right in comparisons(rule) for word in (left, right)}
    assert words - {"0", "1"} <= set(CONTROL_FIELDS[1:])
    assert comparisons("0 < a <= 1") == [("0", "<", "a"), ("a", "<=", "1")]
