"""Means, deviations, the Pareto front, and the tables of results."""

import csv
import json
import math

import numpy as np
import pytest
from study_cases import outcome, result, settings

from tflm_tinyprop.study import make_method
from tflm_tinyprop.study.pareto import NO, WITHIN, YES, membership
from tflm_tinyprop.study.plan import PlannedRun
from tflm_tinyprop.study.results import collect, points, rows, write
from tflm_tinyprop.study.store import Store


def seeds(method, scores, effort=0.1):
    """Outcomes of one method with one seed a score; None: failed."""
    return [outcome(settings(method, seed=seed), {"status": "failed", "error": "e"} if score is None else
                    result(score, effort)) for seed, score in enumerate(scores)]


def test_mean_and_deviation_over_the_seeds():
    point, = points(seeds("v2", [0.5, 0.7, 0.9]))
    assert point.score == pytest.approx(0.7) and point.deviation("accuracy") == pytest.approx(0.2)
    assert point.standard_error("accuracy") == pytest.approx(0.2 / math.sqrt(3))
    assert (point.missing, point.method_name, point.metric) == (0, "v2", "accuracy")
    one, = points(seeds("v2", [0.5]))
    assert one.score == 0.5 and math.isnan(one.deviation("accuracy")) and one.standard_error("accuracy") == 0


def test_failed_and_missing_runs_do_not_count():
    found = [*seeds("v2", [0.5, None, 0.7]), outcome(settings("v2", seed=3), None),
             outcome(settings("v2", seed=4), result(None))]
    point, = points(found)
    assert point.score == pytest.approx(0.6) and point.missing == 3
    nothing, = points(seeds("v2", [None]))
    assert math.isnan(nothing.score) and nothing.missing == 1 and not len(nothing.history("accuracy"))


def test_points_keep_apart_all_but_the_seed():
    v2, full = seeds("v2", [0.5, 0.6]), seeds("full", [0.7])
    swept = [outcome(settings("v2"), result(0.1), "zeta", 0.8)]
    other = [outcome(settings("v2", batch_size=1, seed=5), result(0.2))]
    found = points([*v2, *full, *swept, *other])
    assert [(p.place.method, p.place.swept, len(p.outcomes)) for p in found] == [
        ("TinyProp v2", None, 3), ("full", None, 1), ("TinyProp v2", "zeta", 1)]


def test_history_is_the_mean_of_the_courses():
    courses = [[0.2, 0.4, 0.6], [0.4, 0.6]]  # the second was ended early
    found = [outcome(settings("v2", seed=seed), result(history={"accuracy": course}))
             for seed, course in enumerate(courses)]
    point, = points(found)
    assert point.history("accuracy") == pytest.approx([0.3, 0.5]) and not len(point.history("other"))
    nothing, = points([outcome(settings("v2"), result(history={"accuracy": [0.2, None]}))])
    assert np.isnan(nothing.history("accuracy")).tolist() == [False, True]


def judged(*methods) -> list[str]:
    names = ("full", "top_k", "v1", "v2", "last_layer")
    return membership(points([o for name, (scores, effort) in zip(names, methods, strict=False)
                              for o in seeds(name, scores, effort)]))


def test_the_pareto_front():
    assert judged(([0.9], 1.0), ([0.8], 0.1), ([0.7], 0.2), ([0.85], 0.15)) == [YES, YES, NO, YES]
    assert judged(([0.9], 0.1), ([0.9], 0.2)) == [YES, YES]  # nothing is higher
    assert judged(([0.9], 0.1), ([0.8], 0.1)) == [YES, NO]  # equal effort
    assert judged(([None], 0.1), ([0.8], 0.1)) == ["", YES]
    # Means 0.90 and 0.88: s.e. of the difference is sqrt(0.02^2 / 2 + 0.06^2 / 2) = 0.045.
    assert judged(([0.88, 0.92], 0.1), ([0.82, 0.94], 0.2)) == [YES, WITHIN]
    assert judged(([0.88, 0.92], 0.1), ([0.62, 0.74], 0.2)) == [YES, NO]


def test_rows_are_written_as_csv_and_json(tmp_path):
    found = [outcome(settings("v2"), result(0.5)),
             outcome(settings("full"), {"status": "failed", "error": 'a, "b"\nc'}),
             outcome(settings(make_method("top_k", ratio=0.5)), None, "ratio", 0.5)]
    table = rows(found)
    write(tmp_path, table)
    with open(tmp_path / "results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert json.loads((tmp_path / "results.json").read_text()) == table
    assert [line["status"] for line in lines] == ["finished", "failed", "missing"]
    assert lines[0]["final.accuracy"] == "0.5" and lines[0]["settings.data.name"] == "digits"
    assert lines[0]["settings.method.zeta"] == "0.8" and lines[2]["settings.method.zeta"] == ""
    assert lines[1]["error"] == 'a, "b"\nc' and lines[1]["final.accuracy"] == ""
    assert (lines[2]["swept"], lines[2]["value"], lines[2]["settings.method.ratio"]) == ("ratio", "0.5", "0.5")
    assert lines[0]["id"] == settings("v2").id and lines[0]["versions.package"] == "0.1.0"


def test_collect_reads_each_result_once(tmp_path):
    store = Store(tmp_path)
    store.write(settings("v2"), result(0.5))
    runs = [PlannedRun("s", "e", None, None, settings("v2")), PlannedRun("s", "e", "zeta", 0.8, settings("v2")),
            PlannedRun("s", "e", None, None, settings("full"))]
    first, second, third = collect(runs, store)
    assert first.result is second.result and first.score == 0.5 and third.result is None


def test_no_cell_is_a_formula(tmp_path):
    """Names and errors come from files of others; a spreadsheet runs what begins with one of these."""
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"]
    write(tmp_path, [{"error": text, "value": -1.5, "plain": "a=1"} for text in texts])
    with open(tmp_path / "results.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["error"] for row in table] == [f"'{text}" for text in texts]
    assert [row["error"] for row in json.loads((tmp_path / "results.json").read_text())] == texts
    write(tmp_path, [{"error": "a\rb"}])
    with open(tmp_path / "results.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{"error": "a b"}]
    assert {(row["value"], row["plain"]) for row in table} == {("-1.5", "a=1")}
