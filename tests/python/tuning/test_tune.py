"""The search: what it tries, what it keeps to, and that an interruption makes no difference."""

import dataclasses
import fcntl
import json

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.models.tiny_models import dense_classifier
from tflm_tinyprop.training.schedules import WarmupCosine
from tflm_tinyprop.tuning import problem as problems
from tflm_tinyprop.tuning import search, table
from tflm_tinyprop.tuning.problem import Problem, TuneSettings
from tflm_tinyprop.tuning.result import Tried, TuneResult

SMALL = {"budget": 0.3, "trials": 6, "epochs": 3, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def model() -> bytes:
    return dense_classifier([8, 16, 12, 4], seed=1)


@pytest.fixture
def data(samples):
    return samples


def figures(result: TuneResult):
    return [(t.number, t.config, t.score, t.effort) for t in result.tried], result.pruned, result.full_score


def test_the_default_comes_first_and_the_budget_holds(model, data):
    lines = []
    result = tp.tune(model, *data, **SMALL, echo=lines.append)
    assert result.tried[0].number == 1 and result.tried[0].config == tp.TinyPropConfig.v2()
    assert len(result.tried) + result.pruned == SMALL["trials"]
    assert result.chosen.effort <= 0.3
    within = [t for t in result.tried if t.effort <= 0.3]
    assert result.chosen.score == max(t.score for t in within)
    assert lines[0] == "32 samples to train, 8 to judge by; 6 trials" and len(lines) == 2 + 6
    assert table.lines(result)[-1].startswith("chosen: s_min ")
    assert f"full training: accuracy {result.full_score:.4f}" in table.lines(result)[-1]


def test_a_trial_is_what_a_trainer_makes_of_its_configuration(model, data):
    problem = Problem(model, *data, TuneSettings(epochs=2, seeds=2, seed=4, learning_rate=0.1))
    config = tp.TinyPropConfig.v2(s_max=0.7)
    score, effort = problem.evaluate(config)
    x, y = data
    training, validation = problems._hold_out(np.asarray(y), problem.settings, True)
    expected = []
    for seed in (4, 5):
        trainer = tp.Trainer(tp.convert(model), config=config)
        schedule = WarmupCosine.over(2 * len(training), 0.1, warmup=0.025)
        history = trainer.fit(x[training], y[training], epochs=2, seed=seed, verbose=False,
                              learning_rate=schedule).history
        accuracy = trainer.evaluate(x[validation], y[validation])["accuracy"]
        expected.append((accuracy, np.mean(history["backward_effort"])))
    assert (score, effort) == pytest.approx(tuple(np.mean(expected, axis=0)))


def test_the_parts_are_disjoint_and_seeded_with_every_class_in_both():
    labels = np.repeat(np.arange(4), 25)
    settings = TuneSettings(validation_share=0.2)
    training, validation = problems._hold_out(labels, settings, True)
    assert sorted([*training, *validation]) == list(range(100))
    assert np.bincount(labels[validation]).tolist() == [5, 5, 5, 5]
    assert np.array_equal(validation, problems._hold_out(labels, settings, True)[1])
    other = problems._hold_out(labels, dataclasses.replace(settings, seed=1), True)[1]
    assert not np.array_equal(validation, other)


def test_one_hot_labels_and_targets(model, data):
    x, y = data
    one_hot = np.eye(4, dtype=np.float32)[y]
    few = {**SMALL, "trials": 2, "epochs": 1, "budget": 1.0}
    same = [tp.tune(model, x, labels, loss=loss, **few)
            for labels, loss in ((y, "sparse_categorical_crossentropy"), (one_hot, "categorical_crossentropy"))]
    assert figures(same[0]) == figures(same[1])
    result = tp.tune(model, x, one_hot, loss="mse", **few)
    assert result.metric == "loss" and result.chosen.score == min(t.score for t in result.tried)


def test_other_losses(data, tmp_path):
    x, y = data
    logits = dense_classifier([8, 16, 12, 4], seed=1, softmax=False)
    few = {**SMALL, "trials": 2, "epochs": 1, "budget": 1.0}
    binary = tp.Loss("binary_crossentropy", label_smoothing=0.1)
    for labels, loss, metric in ((np.eye(4)[y], binary, "accuracy"), (np.eye(4)[y], tp.Loss("huber", delta=0.5), "loss"),
                                 (np.eye(4)[y], "mae", "loss")):
        assert tp.tune(logits, x, labels, loss=loss, storage=tmp_path / f"{metric}{len(str(loss))}", **few).metric == metric
    one = dense_classifier([8, 6, 1], seed=1, softmax=False)
    assert tp.tune(one, x, y > 1, loss="bce", **few).metric == "accuracy"
    with pytest.raises(tp.ConfigError, match="loss"):  # the search was another loss's
        tp.tune(logits, x, np.eye(4)[y], loss="bce", storage=tmp_path / f"accuracy{len(str(binary))}", **few)


# Interruptions ------------------------------------------------------------------------------------------


class Stop(BaseException):
    """As KeyboardInterrupt, which pytest takes for itself."""


def interrupted(monkeypatch, model, data, storage, trial: int):
    """A search that ends in the middle of one of its trials (full training is trial 0)."""
    calls = []
    whole = Problem.evaluate

    def evaluate(self, config, after_epoch=lambda f: False):
        calls.append(config)

        def stop(f):
            after_epoch(f)
            raise Stop

        return whole(self, config, stop if len(calls) == trial + 1 else after_epoch)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Problem, "evaluate", evaluate)
        tp.tune(model, *data, **SMALL, storage=storage)


@pytest.mark.parametrize("trial", [0, 1, 4])
def test_an_interrupted_search_ends_as_one_that_was_not(monkeypatch, tmp_path, model, data, trial):
    storage = tmp_path / "search.journal"
    interrupted(monkeypatch, model, data, storage, trial)
    lines = []
    resumed = tp.tune(model, *data, **SMALL, storage=storage, echo=lines.append)
    assert figures(resumed) == figures(tp.tune(model, *data, **SMALL))
    assert len([line for line in lines if "/6  " in line]) == 6 - max(0, trial - 1)
    lines.clear()
    assert figures(tp.tune(model, *data, **SMALL, storage=storage, echo=lines.append)) == figures(resumed)
    assert len(lines) == 2 and lines[0].endswith("6 of them are there already")


def test_a_journal_that_was_cut_anywhere(tmp_path, model, data):
    """As after kill -9, or power loss, in the middle of writing."""
    few = {**SMALL, "trials": 3}
    storage = tmp_path / "search.journal"
    expected = figures(tp.tune(model, *data, **few, storage=storage))
    content = storage.read_bytes()
    for size in np.linspace(0, len(content) - 1, 12).astype(int):
        storage.write_bytes(content[:size])
        assert figures(tp.tune(model, *data, **few, storage=storage)) == expected, size


def test_more_trials_go_on_with_the_same_search(tmp_path, model, data):
    storage = tmp_path / "search.journal"
    first = tp.tune(model, *data, **{**SMALL, "trials": 3}, storage=storage)
    more = tp.tune(model, *data, **SMALL, storage=storage)
    assert more.tried[: len(first.tried)] == first.tried
    assert figures(more) == figures(tp.tune(model, *data, **SMALL))


@pytest.mark.parametrize(("changes", "expected"), [
    ({"epochs": 2}, "other epochs (3 there, 2 here)"),
    ({"budget": 0.2}, "other budget (0.3 there, 0.2 here)"),
    ({"seeds": 2}, "other seeds"),
    ({"trainable_layers": 1}, "trainable_layers ('all' there, 1 here)"),
])
def test_a_journal_of_other_settings_is_refused(tmp_path, model, data, changes, expected):
    storage = tmp_path / "search.journal"
    tp.tune(model, *data, **{**SMALL, "trials": 1}, storage=storage)
    content = storage.read_bytes()
    with pytest.raises(tp.ConfigError) as error:
        tp.tune(model, *data, **{**SMALL, **changes}, storage=storage)
    assert expected in str(error.value) and "--storage" in str(error.value)
    assert storage.read_bytes().startswith(content)


def test_a_journal_of_another_model_or_data_is_refused(tmp_path, model, data):
    storage = tmp_path / "search.journal"
    tp.tune(model, *data, **{**SMALL, "trials": 1}, storage=storage)
    with pytest.raises(tp.ConfigError, match="other model"):
        tp.tune(dense_classifier([8, 16, 12, 4], seed=2), *data, **SMALL, storage=storage)
    with pytest.raises(tp.ConfigError, match="other data"):
        tp.tune(model, data[0] + 1, data[1], **SMALL, storage=storage)


@pytest.mark.parametrize("content", [b"not a journal", b"not a journal\n", b'{"a": 1}\n', b"[]\n", b"\x00\xff\n"])
def test_another_file_is_refused_and_kept(tmp_path, model, data, content):
    storage = tmp_path / "notes.txt"
    storage.write_bytes(content)
    with pytest.raises(tp.ConfigError, match="is not the journal of a search"):
        tp.tune(model, *data, **SMALL, storage=storage)
    assert storage.read_bytes() == content


def test_a_journal_in_use_is_refused(tmp_path, model, data):
    storage = tmp_path / "search.journal"
    with open(storage, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(tp.ConfigError, match="another process is using"):
            tp.tune(model, *data, **SMALL, storage=storage)


# Giving up ----------------------------------------------------------------------------------------------


def test_trials_above_the_budget_are_given_up_early(model, data):
    result = tp.tune(model, *data, budget=0.001, trials=5, epochs=4)
    # The default, and those that only their last epoch brought above the budget.
    assert result.tried[0].effort > 0.001 and result.pruned >= 2
    assert result.chosen is None and result.cheapest in result.tried
    assert "no trial has a backward effort within the budget of 0.001; the cheapest has" in table.conclusion(result)


def test_trials_worse_than_the_median_are_given_up(monkeypatch):
    class Trial:
        state = search.TrialState.COMPLETE

        def __init__(self, score, effort):
            self.intermediate_values, self.user_attrs = {5: score}, {"effort": effort}

    settings = TuneSettings(budget=0.1, epochs=10)
    judge = lambda others, score, metric="accuracy", epoch=5: (  # noqa: E731
        monkeypatch.setattr(search, "_counted", lambda study: others),
        search._hopeless(None, type("P", (), {"settings": settings, "metric": metric}),
                         problems.EpochFigures(0, epoch, score, 0.0)))[1]
    within = [Trial(score, 0.05) for score in (0.1, 0.2, 0.5, 0.6, 0.7)]
    assert judge(within, 0.4) and judge(within, 0.5) is None and judge(within[1:], 0.4) is None
    assert judge(within, 0.4, "loss") is None and judge(within, 0.6, "loss")
    # Those above the budget are better, but not what is looked for.
    assert judge([*within, *[Trial(0.9, 0.5)] * 9], 0.55) is None
    assert judge(within, 0.4, epoch=3) is None and judge(within, 0.4, epoch=10) is None


def test_best_and_front():
    config = tp.TinyPropConfig.v2()
    tried = tuple(Tried(i, config, score, effort) for i, (score, effort) in enumerate(
        [(0.8, 0.3), (0.5, 0.05), (0.5, 0.04), (0.4, 0.06), (0.9, 0.5), (0.45, 0.09)]))
    result = TuneResult(0.1, "accuracy", tried, 0, 0.9)
    assert result.chosen.number == 2 and result.cheapest.number == 2
    assert [t.number for t in result.best] == [2, 1, 5, 3, 4, 0]
    assert [t.number for t in result.front] == [2, 0, 4]
    lower = dataclasses.replace(result, metric="loss")
    assert lower.chosen.number == 3 and [t.number for t in lower.front] == [2, 3]
    assert TuneResult(0.1, "accuracy", (), 3, 0.9).chosen is None


@pytest.mark.parametrize(("changes", "expected"), [
    ({"budget": 0}, "tune.budget: expected a number above 0, got 0"),
    ({"budget": 1.5}, "tune.budget: expected a number of at most 1, got 1.5"),
    ({"budget": float("nan")}, "tune.budget: expected a number"), ({"epochs": 0}, "tune.epochs: expected a number of at least 1"),
    ({"epochs": 2.5}, "tune.epochs: expected a whole number, got 2.5"), ({"seed": -1}, "tune.seed: expected a number of at least 0"),
    ({"learning_rate": -1}, "tune.learning_rate: expected a number above 0"),
    ({"learning_rate": float("inf")}, "tune.learning_rate"), ({"seeds": True}, "tune.seeds"), ({"seeds": 0}, "tune.seeds"),
    ({"validation_share": 1}, "tune.validation_share: expected a number below 1, got 1"), ({"trials": 0}, "trials"),
    ({"validation_share": 0.001}, "of 40 samples 0 would be held out"), ({"loss": "hinge"}, "hinge"),
])
def test_wrong_settings(model, data, changes, expected):
    with pytest.raises(tp.TinyPropError) as error:
        tp.tune(model, *data, **{**SMALL, **changes})
    assert expected in str(error.value)


def test_every_point_of_the_space_is_a_configuration():
    for bounds in ("low", "high"):
        config = search.configuration({name: getattr(d, bounds) for name, d in search.SPACE.items()})
        assert config.threshold < config.d_max
    json.dumps(dataclasses.asdict(config))
