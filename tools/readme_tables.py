"""Puts measured figures into README.md, between its markers: `make docs`.

Reads what `make demo`, `make bench`, `make bench-arm`, `make sizes` and `make firmware-test` left in out/, and the study's
results in docs/study; the table of supported ops comes from the rules themselves.
"""

import json
import pathlib
import re
import sys
from statistics import fmean as mean

from tflm_tinyprop import files
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.conversion.rules.layer import LayerRule
from tflm_tinyprop.demo import report

V2_LABEL = "TinyProp v2"
COMPARISONS = ("mnist", "images", "sensors")  # studies that compare methods

ROOT = pathlib.Path(__file__).resolve().parent.parent


def demo_table(summary: dict) -> str:
    # Arena and model are the same for all methods: below the table they take less room.
    columns = report.COLUMNS[:5]
    lines = ["| method | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += ["| " + " | ".join(row[:6]) + " |" for row in report.rows(summary)]
    lines += ["", f"Means ± standard deviations over {len(summary['seeds'])} seeds; arena {summary['arena_bytes']:,} bytes "
                  f"(64-bit host), model {summary['model_bytes']:,} bytes."]
    return "\n".join(lines)


def bench_table(rows: list[dict]) -> str:
    lines = ["| measurement | value | share | bar |", "|---|---:|---:|---:|"]
    for row in rows:
        # Rows of detail, indented, are shown where there is something to reach; those of single ops are too many.
        if (row["name"].startswith(" ") and row.get("bar") is None) or row["name"].startswith("TinyProp"):
            continue
        plain = f"{row['value']:.3g} {row['unit']}".strip()
        value = f"{row['value']:,}" if isinstance(row["value"], int) and row["value"] >= 1000 else plain
        if row["unit"] == "bytes":
            value += " bytes"
        share = "" if row.get("share") is None else f"{100 * row['share']:.1f} %"
        bar = "" if row.get("bar") is None else (
            f"≤ {100 * row['bar']:.0f} %" if row.get("share") is not None else f"≤ {row['bar']:,.4g} {row['unit']}".rstrip()
            if row["bar"] < 1000 else f"≤ {row['bar']:,} {row['unit']}")
        if row.get("passed") is False:
            bar += ", missed"
        lines.append(f"| {row['name'].strip()} | {value} | {share} | {bar} |")
    return "\n".join(lines)


def study_table(rows: list[dict]) -> str:
    """Full and v2 of every comparison of methods, means over the seeds."""
    lines = ["| data | model | seeds | full | v2 | points to full | backward effort | step effort | skipped |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    plain = [r for r in rows if r["status"] == "finished" and r["swept"] is None
             and r["settings.perturbation.kind"] == "none"]
    groups: dict[tuple, dict[str, list]] = {}
    for row in plain:
        place = tuple(row[key] for key in ("study", "experiment", "settings.data.name", "settings.model.name"))
        groups.setdefault(place, {}).setdefault(row["method_label"], []).append(row)
    for (study, experiment, data, model), methods in groups.items():
        if not {"full", V2_LABEL} <= methods.keys() or study not in COMPARISONS:
            continue
        full, v2 = methods["full"], methods[V2_LABEL]
        score = f"final.{v2[0]['metric']}"
        means = [mean(row[score] for row in runs) for runs in (full, v2)]
        start = "fine-tuned" if v2[0].get("settings.pretrain.epochs") else "from scratch"
        name = f"{data}, {start}" + (" (AUC)" if score == "final.auc" else "")
        costs = " | ".join(f"{mean(row[f'final.{cost}'] for row in v2):.3f}"
                           for cost in ("backward_effort", "step_effort", "skip_rate"))
        lines.append(f"| {name} | {model} | {len(v2)} | {means[0]:.3f} | {means[1]:.3f} "
                     f"| {100 * (means[1] - means[0]):+.2f} | {costs} |")
    return "\n".join(lines)


def sizes_table(report: dict) -> str:
    processors = report["processors"]
    lines = ["| code + constants, bytes at -Os | " + " | ".join(processors) + " |", "|---|" + "---:|" * len(processors)]
    for group in ("ops", "together"):
        for name in next(iter(processors.values()))[group]:
            cells = (measured[group][name] for measured in processors.values())
            lines.append(f"| {name} | " + " | ".join(f"{c['code']:,} + {c['constants']:,}" for c in cells) + " |")
    return "\n".join(lines)


def boards_table(boards: dict) -> str:
    lines = ["| board | processor | decisions and k | largest difference of a weight | stack of Step |",
             "|---|---|---|---:|---:|"]
    for board, row in boards.items():
        same = "the same" if row["same_decisions"] and row["same_k"] else "DIFFER"
        lines.append(f"| {board} | {row['processor']} | {same} | {row['largest_difference_of_a_weight']:.1e} "
                     f"| {row['stack_of_step_bytes']:,} bytes |")
    return "\n".join(lines)


def support_table() -> str:
    lines = ["| op | trainable weights | gradient by | supported |", "|---|---|---|---|"]
    for rule in RULES.values():
        weights = "kernel, bias" if isinstance(rule, LayerRule) else ""
        lines.append(f"| {rule.kind} | {weights} | {rule.gradient} | {rule.note} |")
    return "\n".join(lines)


def replace(text: str, marker: str, content: str) -> str:
    pattern = rf"(<!-- {marker} -->\n).*?(<!-- end -->)"
    if not re.search(pattern, text, re.DOTALL):
        sys.exit(f"README.md has no marker {marker}")
    return re.sub(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.DOTALL)


TABLES = (
    ("demo", "out/demo/report.json", demo_table),
    ("bench", "out/bench/bench.json", bench_table),
    ("study", "docs/study/results.json", study_table),
    ("bench-arm", "out/bench/bench_arm.json", bench_table),
    ("sizes", "out/sizes/sizes.json", sizes_table),
    ("firmware-test", "out/firmware/boards.json", boards_table),
)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    for marker, path, table in TABLES:
        source = ROOT / path
        if source.exists():
            text = replace(text, marker, table(json.loads(source.read_text())))
        else:
            print(f"{path} is missing, its table stays as it is; `make {marker}` makes it")
    text = replace(text, "support", support_table())
    files.write_whole(readme, text, overwrite=True)


if __name__ == "__main__":
    main()
