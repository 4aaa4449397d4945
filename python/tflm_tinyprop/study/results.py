"""Results as rows, one a run, and as points: means over the seeds."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import pathlib

import numpy as np

from tflm_tinyprop import files
from tflm_tinyprop.study.plan import PlannedRun
from tflm_tinyprop.study.store import FINISHED, Store


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A planned run with its result; None if it was not run."""

    run: PlannedRun
    result: dict | None

    @property
    def finished(self) -> bool:
        return self.result is not None and self.result["status"] == FINISHED

    @property
    def score(self) -> float:
        """The run's metric; NaN if it has none."""
        value = self.result["final"][self.result["metric"]] if self.finished else None
        return math.nan if value is None else value


@dataclasses.dataclass(frozen=True)
class Place:
    """What the runs of a point have in common: all but the seed."""

    study: str
    experiment: str
    data: str
    model: str
    perturbation: str
    swept: str | None
    value: object
    method: str


@dataclasses.dataclass(frozen=True)
class Point:
    """Runs that differ in their seed only. values: metric -> one value per finished run."""

    place: Place
    metric: str
    outcomes: tuple[Outcome, ...]

    def values(self, name: str) -> np.ndarray:
        found = [o.result["final"].get(name) for o in self.outcomes if o.finished]
        return np.array([v for v in found if v is not None], np.float64)

    def mean(self, name: str) -> float:
        values = self.values(name)
        return float(values.mean()) if len(values) else math.nan

    def deviation(self, name: str) -> float:
        """Sample standard deviation (n - 1); NaN for fewer than two runs."""
        values = self.values(name)
        return float(values.std(ddof=1)) if len(values) > 1 else math.nan

    def standard_error(self, name: str) -> float:
        """Of the mean; 0 where one run says nothing about it."""
        values = self.values(name)
        return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0

    @property
    def score(self) -> float:
        return self.mean(self.metric)

    @property
    def method_name(self) -> str:
        return self.outcomes[0].run.settings.method.name

    @property
    def missing(self) -> int:
        """Runs without a score."""
        return len(self.outcomes) - len(self.values(self.metric))

    def history(self, name: str) -> np.ndarray:
        """Mean over the finished runs of one metric's course, [epochs or evaluations]; empty if there is none."""
        courses = [o.result["history"].get(name) for o in self.outcomes if o.finished]
        courses = [[math.nan if v is None else v for v in course] for course in courses if course]
        length = min(map(len, courses), default=0)
        return np.array([course[:length] for course in courses]).mean(axis=0) if length else np.empty(0)


def collect(runs: list[PlannedRun], store: Store) -> list[Outcome]:
    results = {run.settings.id: run.settings for run in runs}
    results = {key: store.read(settings) for key, settings in results.items()}
    return [Outcome(run, results[run.settings.id]) for run in runs]


def points(outcomes: list[Outcome]) -> list[Point]:
    """Groups by everything but the seed, in the order of the plan."""
    groups: dict[Place, list[Outcome]] = {}
    for outcome in outcomes:
        run, settings = outcome.run, outcome.run.settings
        place = Place(run.study, run.experiment, settings.data.label, settings.model.label,
                      settings.perturbation.label, run.swept, run.value, settings.method.label)
        groups.setdefault(place, []).append(outcome)
    return [Point(place, _metric(group), tuple(group)) for place, group in groups.items()]


def _metric(group: list[Outcome]) -> str:
    return next((o.result["metric"] for o in group if o.finished), "accuracy")


def rows(outcomes: list[Outcome]) -> list[dict]:
    """One row a run: place, status, final metrics, settings and versions (dots in the names of nested ones)."""
    table = []
    for outcome in outcomes:
        run, result = outcome.run, outcome.result or {"status": "missing"}
        table.append({
            "study": run.study, "experiment": run.experiment, "swept": run.swept, "value": run.value,
            "method_label": run.settings.method.label, "id": run.settings.id, "status": result["status"],
            "error": result.get("error"), "backend": result.get("backend"), "metric": result.get("metric"),
            **_flat("final", result.get("final", {})), **_flat("settings", run.settings.as_dict()),
            "train_samples": result.get("train_samples"), "test_samples": result.get("test_samples"),
            "seconds": result.get("seconds"), "cpu": result.get("cpu"), **_flat("versions", result.get("versions", {})),
        })
    return table


def _flat(prefix: str, value) -> dict:
    if not isinstance(value, dict):
        return {prefix: value}
    return {name: element for key, nested in value.items() for name, element in _flat(f"{prefix}.{key}", nested).items()}


def _plain(value):
    """A cell that no spreadsheet takes for a formula, and no reader for two lines (csv does not quote a lone return)."""
    if not isinstance(value, str):
        return value
    value = value.replace("\r", " ")
    return f"'{value}" if value.lstrip().startswith(("=", "+", "-", "@")) else value


def write(folder: pathlib.Path, table: list[dict]) -> None:
    """Writes results.csv and results.json. Settings that a run does not have are empty in the CSV."""
    columns = list(dict.fromkeys(name for row in table for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in table)
    files.write_whole(folder / "results.csv", text.getvalue(), overwrite=True)
    files.write_whole(folder / "results.json", json.dumps(table, indent=1) + "\n", overwrite=True)
