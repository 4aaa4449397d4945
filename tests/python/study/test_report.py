"""The report as blocks, as Markdown and as one HTML page."""

import base64
import html.parser
import re

import pytest
from study_cases import outcome, result, settings
from test_parse import parse

from tflm_tinyprop.study import blocks, make_method, report
from tflm_tinyprop.study.blocks import Heading, Paragraph, Picture, Table
from tflm_tinyprop.study.plan import planned_runs
from tflm_tinyprop.study.results import Outcome

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
                       "Jggg==")
NASTY = '<script>alert("&")</script>'


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the cells of every table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.text = [], [], ""
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell &= tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.in_cell:
            self.tables[-1][-1][-1] += data


def markdown_tables(text: str) -> list[list[list[str]]]:
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[cell.strip().replace("\\|", "|").replace("\\<", "<") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
             for line in table.strip().split("\n") if not line.startswith("|---")] for table in tables]


def test_both_forms_hold_the_same(tmp_path):
    table = Table(("a", "b", "c"), (("1|2", NASTY, "x"), ("two\nlines", "", "µ ± 1")), text_columns=2)
    blocks.write(tmp_path, NASTY, [
        Heading(2, NASTY), Paragraph(f"one `{NASTY}`\n\ntwo"), table, Picture("p", PNG, NASTY)])
    assert {path.name for path in tmp_path.iterdir()} == {"report.md", "report.html", "p.png"}
    markdown, text = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    rows = [["a", "b", "c"], ["1|2", NASTY, "x"], ["two lines", "", "µ ± 1"]]
    assert markdown_tables(markdown) == [rows]
    assert "|---|---|---:|" in markdown and "](p.png)" in markdown and (tmp_path / "p.png").read_bytes() == PNG
    page = Page(text)
    assert [[cell.replace("\n", " ") for cell in row] for row in page.tables[0]] == rows
    assert not any(tag == "script" for tag, _ in page.tags) and NASTY in page.text
    assert [tag for tag, _ in page.tags].count("p") == 2 and ("code", {}) in page.tags
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [i["src"] for i in images] == [f"data:image/png;base64,{base64.b64encode(PNG).decode()}"]
    assert images[0]["alt"] == NASTY


def assert_self_contained(text: str) -> None:
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href", "srcset", "data"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    assert "url(" not in text and "@import" not in text


# A whole report -----------------------------------------------------------------------------------------

STUDY = """
title: Title <1>
text: Says `what` it is.
defaults: {data: digits, model: mlp5, seeds: [0, 1], epochs: 2, learning_rate: 0.02}
experiments:
  plain: {methods: [none, full, v2], title: "Plain | comparison"}
  swept: {methods: [full, v2], sweep: {zeta: [0.5, 0.8]}, marks: {zeta: 0.8}}
  perturbed: {methods: [v2], perturbations: [none, stream]}
"""
SCORES = {"none": (0.1, 0.0), "full": (0.9, 1.0), "v2": (0.85, 0.1)}


def outcomes(study, change=lambda run, found: found):
    def finished(run) -> dict:
        score, effort = SCORES[run.settings.method.name]
        found = result(score + 0.02 * run.settings.seed, effort)
        if run.settings.perturbation.kind == "stream":
            for part in ("old", "new"):
                found["final"][f"accuracy_{part}"] = 0.25
                found["history"][f"accuracy_{part}"] = [0.125, 0.25]
        return found

    return [Outcome(run, change(run, finished(run))) for run in planned_runs([study])]


@pytest.fixture(scope="module")
def study():
    return parse(STUDY)


def test_a_report(tmp_path, study):
    found = report.report([study], outcomes(study))
    blocks.write(tmp_path, report.TITLE, found)
    text, markdown = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert_self_contained(text)
    assert Page(text).tables == markdown_tables(markdown)
    pictures = {b.name for b in found if isinstance(b, Picture)}
    assert pictures == {"s-plain-digits-mlp5-effort", "s-plain-digits-mlp5-course", "s-swept-digits-mlp5-zeta",
                        "s-perturbed-digits-mlp5-stream-classes-0-at-0-5"}
    assert {f"{name}.png" for name in pictures} == {p.name for p in tmp_path.glob("*.png")}
    comparison = next(t for t in markdown_tables(markdown) if t[0][-1] == "Pareto front")
    assert comparison[1:] == [
        ["no training", "interpreter", "0.110 ± 0.014", "-80.00", *["0.000 ± 0.000"] * 2, "0.250 ± 0.000", "yes"],
        ["full", "interpreter", "0.910 ± 0.014", "", "1.000 ± 0.000", "0.500 ± 0.000", "0.250 ± 0.000", "yes"],
        ["TinyProp v2", "interpreter", "0.860 ± 0.014", "-5.00", "0.100 ± 0.000", "0.050 ± 0.000", "0.250 ± 0.000",
         "yes"]]
    paper = next(t for t in markdown_tables(markdown) if "the paper's drop" in t[0])
    assert paper[1][4:9] == ["0.910", "0.860", "5.00", "10.0 %", "5.0 %"]
    swept = next(t for t in markdown_tables(markdown) if t[0][1] == "zeta")
    assert [row[1] for row in swept[1:]] == ["0.5", "0.8 *", ""]
    assert "Runs without a result" not in markdown and "Title &lt;1&gt;" in text


def test_the_same_results_give_the_same_report(tmp_path, study):
    for name in "ab":
        blocks.write(tmp_path / name, report.TITLE, report.report([study], outcomes(study)))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_failed_and_missing_runs_are_listed(study):
    def change(run, found):
        if run.settings.seed == 1:
            return None
        failed = {"status": "failed", "error": f"Error: {NASTY}\nsecond line"}
        return failed if run.settings.method.name == "v2" else found

    found = report.report([study], outcomes(study, change))
    markdown = blocks.markdown(found)
    failed = next(t for t in markdown_tables(markdown) if t[0] == ["id", "run", "error"])
    assert {row[2] for row in failed[1:]} == {f"Error: {NASTY} second line"}
    assert "5 runs were not executed yet." in markdown and "0.900 (1 of 2)" in markdown
    page = blocks.page("t", found)
    assert_self_contained(page)
    assert NASTY not in page


def test_a_report_without_any_result(study):
    found = report.report([study], [Outcome(run, None) for run in planned_runs([study])])
    assert "No run is finished." in blocks.markdown(found) and "zeta: no run is finished." in blocks.markdown(found)


def test_versions_of_several_environments_are_all_there(study):
    change = lambda run, found: {**found, "cpu": f"processor {run.settings.seed}"}  # noqa: E731
    assert "processor 0, processor 1" in blocks.markdown(report.report([study], outcomes(study, change)))


def test_a_label_of_a_users_own(study):
    run = settings(make_method("v2", label="a | <b>"))
    text = blocks.markdown(report._comparison("n", report.points([outcome(run, result())])))
    assert markdown_tables(text)[0][1][0] == "a | <b>"
