"""tinyprop study: exit codes, errors, and a whole study that is killed and goes on."""

import csv
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys

import pool_children
import pytest
from study_cases import result
from test_parse import experiment
from test_pool import members, wait_until
from test_report import assert_self_contained, markdown_tables
from typer.testing import CliRunner

from tflm_tinyprop.cli.app import app
from tflm_tinyprop.study import parse, plan, pool
from tflm_tinyprop.study.store import Store

SMALL = pathlib.Path(__file__).resolve().parents[3] / "studies" / "small.yaml"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command line in an empty folder, with children that train nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYPROP_DATA_DIR", raising=False)
    monkeypatch.setattr(pool, "_PRELOAD", [])
    monkeypatch.setattr(pool, "_child", pool_children.child)

    def call(*arguments, code=0):
        found = CliRunner().invoke(app, ["study", *map(str, arguments)])
        assert found.exit_code == code, found.output + str(found.exception)
        return found.output

    return call


def write_study(name="s.yaml", **changes) -> str:
    pathlib.Path(name).write_text(experiment(**changes))
    return name


def test_a_study_and_its_report(run, tmp_path):
    study = write_study(seeds=[0, 1])
    output = run(study, "--out", "runs", "--report", "report", "--jobs", 2)
    assert "4 runs" in output and "4/4" in output
    written = {p.name for p in (tmp_path / "report").iterdir()}
    assert written >= {"results.csv", "results.json", "report.md", "report.html"}
    assert "0 runs; 4 are there already" in run(study, "--out", "runs", "--report", "report")
    assert len(pool_children.executed(tmp_path / "runs")) == 4
    more = write_study(seeds=[0, 1, 2])
    assert "2 runs; 4 are there already" in run(more, "--out", "runs")
    assert (tmp_path / "runs" / "report.html").exists()


def test_dry_run_only_lists(run, tmp_path):
    study = write_study(methods=["none", "v2"])
    Store("out").write(parse_settings(study)[1], result())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    lines = run(study, "--out", "out", "--dry-run").strip().split("\n")
    assert re.fullmatch(r"\w{16}  to run  digits, mlp5, no training, seed 0, no training", lines[0])
    assert re.fullmatch(r"\w{16}  finished  digits, mlp5, TinyProp v2, seed 0, 2 epochs", lines[1])
    assert lines[2] == "2 runs, 1 of them to run, with 1 start models"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def parse_settings(study):
    return [r.settings for r in plan.planned_runs([parse.load_study(pathlib.Path(study))])]


def test_failed_runs_give_exit_code_1_and_a_report(run, tmp_path):
    output = run(write_study(seeds=[0, 7, 8]), "--out", "out", code=1)
    assert "4 of 6 runs failed; the report lists their errors" in output
    report = (tmp_path / "out" / "report.md").read_text()
    assert "no such class" in report and "its process was ended by signal 9" in report
    with open(tmp_path / "out" / "results.csv", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["finished"] * 2 + ["failed"] * 4


@pytest.mark.parametrize(("changes", "arguments", "expected"), [
    ({"methods": "v3"}, (), "s.yaml.experiments.e.methods: unknown method 'v3'; there are none, full, top_k"),
    ({"data": "mnist"}, (), "data set mnist needs mnist.npz: pass its folder with --data or TINYPROP_DATA_DIR"),
    ({"data": "mnist"}, ("--data", "nowhere"), "nowhere/mnist.npz is missing"),
    ({"data": "own.npz"}, (), "cannot read own.npz"),
    ({}, ("other.yaml",), "cannot read other.yaml"),
    ({}, ("s.yaml",), "two studies have the same file name"),
])
def test_errors_are_one_line_and_nothing_is_run(run, tmp_path, changes, arguments, expected):
    output = run(write_study(**changes), *arguments, "--out", "out", code=1)
    assert output.startswith("error: ") and expected in output and output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_data_set_does_not_matter_where_nothing_is_to_be_run(run):
    study = write_study(data="mnist", methods="full")
    Store("out").write(parse_settings(study)[0], result())
    assert "0 runs; 1 are there already" in run(study, "--out", "out")


# With real trainings ------------------------------------------------------------------------------------


def start(*arguments) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "tflm_tinyprop.cli.app", "study", *map(str, arguments)], text=True,
                            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(out) -> dict[str, int]:
    """File of each finished run -> time of its last change. A file that is no result is an error."""
    found = {}
    for path in (out / "runs").glob("*.json"):
        assert json.loads(path.read_text())["status"] == "finished", path.read_text()
        found[path.name] = path.stat().st_mtime_ns
    return found


def killed(process, out, runs: int) -> dict[str, int]:
    """Kills a study when it has `runs` results. Its children end too, and what was finished is returned."""
    try:
        wait_until(lambda: len(finished(out)) >= runs or process.poll() is not None, 90)
        process.kill()
        process.wait(30)
        wait_until(lambda: not members(process.pid))
    finally:
        if members(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return finished(out)


@pytest.mark.slow
def test_the_small_study(tmp_path):
    arguments = SMALL, "--out", tmp_path, "--jobs", 1
    kept = killed(start(*arguments), tmp_path, runs=2)
    assert 2 <= len(kept) < 6 and not (tmp_path / "report.md").exists()
    last = start(*arguments)
    output = last.communicate(timeout=120)[0]
    assert last.returncode == 0, output
    assert f"{6 - len(kept)} runs; {len(kept)} are there already" in output
    assert kept.items() <= finished(tmp_path).items() and len(finished(tmp_path)) == 6

    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and {row["status"] for row in rows} == {"finished"}
    markdown, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert_self_contained(page)
    check_comparison(rows, next(t for t in markdown_tables(markdown) if t[0][-1] == "Pareto front"))
    for row in rows:
        assert row["backend"] == "interpreter" and row["settings.epochs"] == "5"
        if row["method_label"] != "top-k 10 %":  # which may diverge with one gradient of ten at the output
            assert float(row["final.accuracy"]) > float(row["final.accuracy_before"]) + 0.2
    efforts = {row["method_label"]: float(row["final.backward_effort"]) for row in rows}
    assert efforts["full"] == pytest.approx(1) and efforts["TinyProp v2"] < 0.5


def check_comparison(rows, table) -> None:
    """Every figure of the report's table follows from the rows of results.csv."""
    columns = {2: "final.accuracy", 4: "final.backward_effort", 5: "final.step_effort", 6: "final.skip_rate"}
    assert [line[0] for line in table[1:]] == ["full", "top-k 10 %", "TinyProp v2"]
    for line in table[1:]:
        own = [row for row in rows if row["method_label"] == line[0]]
        assert len(own) == 2
        for column, name in columns.items():
            values = [float(row[name]) for row in own]
            assert line[column] == f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"
