"""Which runs a study has, and what makes two of them the same."""

import dataclasses
import pathlib
import pickle
import subprocess
import sys

import pytest
from study_cases import settings
from test_parse import experiment, parse

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import (
    DataSettings,
    ModelSettings,
    Perturbation,
    PretrainSettings,
    RateSettings,
    apply_setting,
    make_method,
)
from tflm_tinyprop.study.parse import load_study
from tflm_tinyprop.study.plan import planned_runs
from tflm_tinyprop.study.pool import unique

PRETRAIN = PretrainSettings(epochs=3)
CHANGES = [
    *({"data": data} for data in (
        DataSettings("mnist", 60, 40), DataSettings("digits", 61, 40), DataSettings("digits", 60),
        DataSettings("npz", path="a.npz", fingerprint="1"), DataSettings("npz", path="a.npz", fingerprint="2"))),
    {"model": ModelSettings("small_cnn")}, {"model": ModelSettings("keras", "m.keras", "1")},
    {"seed": 1}, {"epochs": 3},
    {"learning_rate": RateSettings(0.03)}, {"learning_rate": RateSettings(0.02, "constant")},
    {"learning_rate": RateSettings(0.02, warmup=0.5)}, {"batch_size": 2}, {"pretrain": PRETRAIN},
    *({"pretrain": dataclasses.replace(PRETRAIN, **change)} for change in (
        {"epochs": 4}, {"learning_rate": 1.0}, {"batch_size": 1}, {"share": 0.1}, {"shift": False})),
    {"trainable_layers": 2}, {"trainable_layers": ("class",)}, {"backend": "simulation"}, {"evaluate_every": 0},
    *({"perturbation": Perturbation("label_noise", {"share": share})} for share in (0.2, 0.3)),
    *({"method": make_method("v2", **change)} for change in (
        {"s_min": 0.25}, {"s_max": 0.75}, {"zeta": 0.5}, {"d_min": -1}, {"d_max": 8}, {"beta": 2}, {"threshold": 0.25},
        {"decay": 0.5}, {"decision": "loss"})),
    *({"method": method} for method in (
        make_method("top_k"), make_method("top_k", ratio=0.2), make_method("last_n", n=3))),
]


def test_every_setting_counts():
    ids = [settings(**change).id for change in ({}, *CHANGES)]
    assert len(set(ids)) == len(ids)


def test_ids_do_not_depend_on_the_process_or_on_labels():
    code = "from study_cases import settings; print(settings().id, settings().start_id)"
    found = subprocess.run([sys.executable, "-c", code], cwd=pathlib.Path(__file__).parent, capture_output=True,
                           text=True, env={"PYTHONHASHSEED": "7"}, check=True).stdout.split()
    assert found == [settings().id, settings().start_id]
    assert settings(method=make_method("v2", label="other")).id == settings().id
    moved = [settings(data=DataSettings("npz", path=f"{folder}/a.npz", fingerprint="1")).id for folder in "ab"]
    assert moved[0] == moved[1]


def test_methods_share_a_start_model():
    pretrained = settings(pretrain=PRETRAIN)
    same = [{"method": make_method("full")}, {"epochs": 9}, {"learning_rate": RateSettings(1.0)}, {"batch_size": 8},
            {"data": DataSettings("digits", 10, 10)}, {"perturbation": Perturbation("outlier", {})}]
    assert {dataclasses.replace(pretrained, **change).start_id for change in same} == {pretrained.start_id}
    others = [{"seed": 1}, {"model": ModelSettings("small_cnn")}, {"pretrain": PretrainSettings(epochs=4)},
              {"pretrain": None}]
    assert len({dataclasses.replace(pretrained, **change).start_id for change in ({}, *others)}) == 1 + len(others)


def test_all_combinations_with_the_seed_outermost():
    study = parse(experiment(seeds=[0, 1], model=["mlp5", "small_cnn"], perturbations=["none", "outlier"]))
    runs = planned_runs([study])
    assert len(runs) == len(unique(r.settings for r in runs)) == 2 * 2 * 2 * 2
    assert [r.settings.seed for r in runs] == [0] * 8 + [1] * 8


def test_sweeps_vary_one_setting_of_the_methods_that_have_it():
    study = parse(experiment(methods=["none", "full", "v2"], sweep={"zeta": [0.5, 0.8], "learning_rate": [0.01, 0.02]}))
    points = [(r.settings.method.name, r.swept, r.value) for r in planned_runs([study])]
    rates = [("learning_rate", 0.01), ("learning_rate", 0.02)]
    assert points == [
        ("none", None, None), ("full", None, None), *(("full", *rate) for rate in rates),
        ("v2", "zeta", 0.5), ("v2", "zeta", 0.8), *(("v2", *rate) for rate in rates)]
    v2 = [r.settings for r in planned_runs([study]) if r.settings.method.name == "v2"]
    assert [(s.method.settings["zeta"], s.learning_rate.peak) for s in v2] == [
        (0.5, 0.02), (0.8, 0.02), (0.8, 0.01), (0.8, 0.02)]


def test_equal_settings_share_a_run():
    study = parse(experiment(sweep={"zeta": [0.5, 0.8], "threshold": [0.25, 0.5]}))
    runs = [r.settings for r in planned_runs([study])]
    assert len(runs) == 5 and len(unique(runs)) == 4  # zeta 0.8 and threshold 0.5 are both v2 itself
    both = planned_runs([study, dataclasses.replace(study, name="other")])
    assert len(both) == 10 and len(unique(r.settings for r in both)) == 4


def test_apply_setting():
    run = settings()
    assert apply_setting(run, "learning_rate", 0.5).learning_rate == RateSettings(0.5)
    assert apply_setting(run, "train_samples", 7).data == DataSettings("digits", 7, 40)
    assert apply_setting(run, "batch_size", 7).batch_size == 7
    assert apply_setting(run, "zeta", 0.1).method.settings["zeta"] == 0.1
    with pytest.raises(ConfigError, match="method full has no setting 'zeta'"):
        apply_setting(settings("full"), "zeta", 0.1)


# Results are found by these (docs/study/results.json among them): the same settings keep their id.
IDS = [
    ("decision", 0, "f008c97e637e5178", "53b87a045f02f1fc"),
    ("decision", -1, "df340b150ef1fc49", "2d5055ee6558dcce"),
    ("images", 0, "68179d42f56abd4b", "77c979314f6f3551"),
    ("images", -1, "16c38b0d6f1b21fe", "dedf74092cac390f"),
    ("mnist", 0, "2b8b18570f3fca1b", "5bf31090a49a468b"),
    ("mnist", -1, "ec478bb0692472c8", "463c6a238686b53e"),
    ("robustness", 0, "f008c97e637e5178", "53b87a045f02f1fc"),
    ("robustness", -1, "f85e2731d6b047a8", "b6503c09720d2c6d"),
    ("sensitivity", 0, "f008c97e637e5178", "53b87a045f02f1fc"),
    ("sensitivity", -1, "acc4ee45b2d67e0f", "b6503c09720d2c6d"),
    ("sensors", 0, "50f460ee01ee1a7e", "d53fdc7d5891932e"),
    ("sensors", -1, "9732d6d3bf5f110f", "425be66b23a1dff9"),
    ("small", 0, "3135d1cd7eb4aa41", "a3de565325f87847"),
    ("small", -1, "91a4598443f640f8", "6f1858cc7bc16ccd"),
]


@pytest.mark.parametrize(("name", "position", "run_id", "start_id"), IDS)
def test_ids_stay(name, position, run_id, start_id):
    study = load_study(pathlib.Path(__file__).resolve().parents[3] / "studies" / f"{name}.yaml")
    run = planned_runs([study])[position].settings
    assert (run.id, run.start_id) == (run_id, start_id)
    assert pickle.loads(pickle.dumps(run)) == run  # runs go to child processes
