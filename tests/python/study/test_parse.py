"""Studies as YAML: what is read, and that every error says where it is and what may stand there."""

import pathlib
import textwrap

import pytest
import yaml
from study_cases import write_npz

from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.study import fields
from tflm_tinyprop.study.datasets import DATA_SETS
from tflm_tinyprop.study.methods import METHODS
from tflm_tinyprop.study.models import MODELS
from tflm_tinyprop.study.parse import load_study, parse_study
from tflm_tinyprop.study.perturbations import KINDS

STUDIES = sorted((pathlib.Path(__file__).resolve().parents[3] / "studies").glob("*.yaml"))


def parse(content: str):
    return parse_study(textwrap.dedent(content), pathlib.Path("folder/s.yaml"))


def experiment(**changes) -> str:
    """A study with one experiment `e`; None leaves a key out."""
    plain = {"data": "digits", "model": "mlp5", "methods": ["full", "v2"], "seeds": [0], "epochs": 2,
             "learning_rate": 0.02}
    values = {key: value for key, value in {**plain, **changes}.items() if value is not None}
    return yaml.safe_dump({"experiments": {"e": values}}, sort_keys=False)


def error_of(content: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse(content)
    return str(error.value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_repositorys_studies(path):
    assert load_study(path).experiments


def test_everything_that_can_be_set():
    study = parse("""
        title: A title
        text: Some text
        defaults: {seeds: [1, 2], epochs: 4, learning_rate: 1e-3}
        experiments:
          first:
            data: {name: digits, train_samples: 50, test_samples: 20}
            model: [mlp5]
            methods: [none, {name: top_k, ratio: 0.25, label: quarter}, {name: v2, zeta: 0.5}]
            learning_rate: {peak: 0.1, schedule: constant, warmup: 0}
            batch_size: 4
            pretrain: {epochs: 3, share: 0.25, shift: false}
            trainable_layers: [dense_1, class]
            perturbations: [none, {kind: label_noise, share: 0.1}]
            evaluate_every: 0
            backend: interpreter
            sweep: {threshold: [0, 0.5]}
            marks: {threshold: 0.5}
          second: {data: digits, model: mlp5, methods: full, epochs: 1}
    """)
    first, second = study.experiments
    assert (study.name, study.title, study.text) == ("s", "A title", "Some text")
    assert first.seeds == second.seeds == (1, 2) and (first.epochs, second.epochs) == (4, 1)
    rates = first.learning_rate, second.learning_rate
    assert [(r.peak, r.schedule) for r in rates] == [(0.1, "constant"), (1e-3, "cosine")]
    assert [m.label for m in first.methods] == ["no training", "quarter", "TinyProp v2 (zeta 0.5)"]
    assert first.trainable_layers == ("dense_1", "class") and second.trainable_layers == "all"
    assert (first.pretrain.epochs, first.pretrain.share, first.pretrain.shift) == (3, 0.25, False)
    assert [p.label for p in first.perturbations] == ["none", "label_noise (share 0.1)"]
    assert first.sweep == {"threshold": (0.0, 0.5)} and first.marks == {"threshold": (0.5,)}


@pytest.mark.parametrize(("changes", "place", "known"), [
    ({"methods": ["full", "v3"]}, "e.methods[1]: unknown method 'v3'", METHODS),
    ({"methods": [{"name": "v3"}]}, "e.methods[0].name: unknown method 'v3'", METHODS),
    ({"data": "imagenet"}, "e.data: unknown data set 'imagenet'", (*DATA_SETS, "<path>.npz")),
    ({"model": "gpt"}, "e.model: unknown model 'gpt'", (*MODELS, "<path>.keras")),
    ({"perturbations": ["fog"]}, "e.perturbations[0]: unknown perturbation 'fog'", KINDS),
    ({"epoch": 3}, "e: unknown key 'epoch'", ("epochs", "sweep", "methods")),
    ({"backend": "gpu"}, "e.backend: unknown backend 'gpu'", ("auto", "interpreter", "simulation")),
    ({"learning_rate": {"peak": 1, "schedule": "linear"}}, "e.learning_rate.schedule: unknown schedule", ("cosine",)),
    ({"learning_rate": {"speed": 1}}, "e.learning_rate: unknown key 'speed'", ("peak", "warmup")),
    ({"pretrain": {"epochs": 1, "rate": 1}}, "e.pretrain: unknown key 'rate'", ("learning_rate", "share")),
    ({"sweep": {"speed": [1]}}, "e.sweep: unknown key 'speed'", ("zeta", "learning_rate")),
    ({"methods": [{"name": "top_k", "zeta": 1}]}, "e.methods[0]: method top_k has no setting 'zeta'", ("ratio",)),
])
def test_unknown_names_list_those_that_there_are(changes, place, known):
    message = error_of(experiment(**changes))
    assert message.startswith("folder/s.yaml.experiments." + place)
    assert all(name in message.split("there are")[1] for name in known)


@pytest.mark.parametrize(("changes", "expected"), [
    ({"epochs": 0}, "e.epochs: expected a number of at least 1, got 0"),
    ({"epochs": 1.5}, "e.epochs: expected a whole number, got 1.5"),
    ({"epochs": True}, "e.epochs: expected a number, got True"),
    ({"epochs": float("nan")}, "e.epochs: expected a number"),
    ({"seeds": [0, "x"]}, "e.seeds[1]: expected a number, got 'x'"),
    ({"seeds": [0, 0]}, "e.seeds: 0 is listed twice"),
    ({"seeds": []}, "e.seeds: the list is empty"),
    ({"batch_size": 70000}, "e.batch_size: expected a number of at most 65535, got 70000"),
    ({"learning_rate": 0}, "e.learning_rate: expected a number of at least"),
    ({"learning_rate": {"warmup": 0.1}}, "e.learning_rate: the key 'peak' is missing"),
    ({"methods": [{"name": "top_k", "ratio": 2}]}, "e.methods[0].ratio: expected a number of at most 1"),
    ({"methods": [{"name": "v2", "s_min": 0.9, "s_max": 0.5}]}, "e.methods[0]: TinyPropConfig needs"),
    ({"methods": [{"name": "v2", "decision": "age"}]}, "e.methods[0].decision: unknown decision metric 'age'"),
    ({"methods": ["v2", {"name": "v2", "zeta": 0.8}]}, "e.methods: "),
    ({"methods": ["v2", {"name": "v2", "zeta": 0.5, "label": "TinyProp v2"}]},
     "e.methods: 'TinyProp v2' is there twice"),
    ({"data": {"name": "digits", "train_samples": 0}}, "e.data.train_samples: expected a number of at least 1"),
    ({"pretrain": {"share": 0.5}}, "e.pretrain: the key 'epochs' is missing"),
    ({"pretrain": {"epochs": 1, "shift": 1}}, "e.pretrain.shift: expected true or false"),
    ({"seeds": None}, "e: the key 'seeds' is missing"),
    ({"title": 3}, "e.title: expected text, got 3"),
    ({"sweep": {"s_min": [0.1, 2]}}, "e.sweep.s_min: TinyPropConfig needs"),
    ({"sweep": {"zeta": [0.1, 0.1]}}, "e.sweep.zeta: 0.1 is listed twice"),
    ({"methods": ["random_k"], "backend": "interpreter"}, "e.backend: method random-k 10 % runs in simulation only"),
    ({"perturbations": [{"kind": "label_noise", "share": 2}]},
     "e.perturbations[0].share: expected a number of at most 1"),
    ({"perturbations": [{"share": 2}]}, "e.perturbations[0]: the key 'kind' is missing; there are none, label_noise, outlier"),
    ({"perturbations": ["stream"], "epochs": 1}, "e.perturbations: stream needs at least 2 epochs"),
    ({"perturbations": ["domain_shift"], "pretrain": {"epochs": 1}}, "e.perturbations: domain_shift needs inputs"),
    ({"perturbations": ["label_noise"], "data": "toycar"}, "e.perturbations: label_noise needs classes"),
])
def test_wrong_values(changes, expected):
    assert error_of(experiment(**changes)).startswith("folder/s.yaml.experiments." + expected)


@pytest.mark.parametrize(("content", "expected"), [
    ("experiments: {}", "s.yaml.experiments: there are none"),
    ("title: x", "the key 'experiments' is missing"),
    ("- a", "expected a mapping with title, text, defaults, experiments"),
    ("experiments: [1]", "s.yaml.experiments: expected a mapping"),
    ("experiments: {e: 3}", "s.yaml.experiments.e: expected a mapping"),
    ("experiments: {a: {}, a: {}}", "the key 'a' is there twice"),
    ("defaults: {epoch: 1}\nexperiments: {e: {}}", "s.yaml.defaults: unknown key 'epoch'"),
    ("title: 2024-99-99\nexperiments: {e: {}}", "text that looks like a date or a number needs quotes"),
    ("a: &x [1]\nb: *x", "the alias *x is not supported"), ("a: &x [*x]", "the alias *x is not supported"),
    ("[" * 5000, "is not valid YAML"),
    ("experiments: {e: [", "is not valid YAML"), ("{[1]: 2}: 3", "is not valid YAML"),
    ("? {a: 1}\n: 2", "is not valid YAML"),
])
def test_wrong_files(content, expected):
    assert expected in error_of(content)


def test_a_duplicate_key_is_reported_with_its_line():
    message = error_of("title: x\nexperiments:\n  e:\n    epochs: 1\n    seeds: 0\n    epochs: 2\n")
    assert "the key 'epochs' is there twice" in message and "line 6" in message


def test_files_are_relative_to_the_study(tmp_path):
    write_npz(tmp_path / "own.npz")
    (tmp_path / "own.keras").write_bytes(b"some bytes")
    path = tmp_path / "s.yaml"
    path.write_text(experiment(data="own.npz", model="own.keras"))
    found = load_study(path).experiments[0]
    assert found.data[0].path == str(tmp_path / "own.npz") and found.data[0].label == "own"
    first = found.models[0].fingerprint
    (tmp_path / "own.keras").write_bytes(b"other bytes")
    assert load_study(path).experiments[0].models[0].fingerprint != first
    path.write_text(experiment(data="other.npz"))
    with pytest.raises(ModelError, match="cannot read .*other.npz"):
        load_study(path)


def test_numbers():
    assert fields.read(fields.Number, "1e-3", "p") == 1e-3 and fields.read(fields.Whole, "1e3", "p") == 1000
    assert isinstance(fields.read(fields.Whole, 3.0, "p"), int) and isinstance(fields.read(fields.Number, 3, "p"), float)
    with pytest.raises(ConfigError, match="p: expected a number, got None"):
        fields.read(fields.Number, None, "p")
