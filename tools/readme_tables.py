"""Puts measured figures into README.md, between its markers: `make docs`.

Reads what `make demo`, `make bench` and `make trainings` left in out/; the table of supported ops comes from
the rules themselves.
"""

import json
import pathlib
import re
import sys

from tflm_tinyprop import files
from tflm_tinyprop.demo import report
from tflm_tinyprop.rules import RULES
from tflm_tinyprop.rules.layer import LayerRule

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
        # Rows of detail are indented; they are shown where there is something to reach.
        if (row["name"].startswith(" ") and row.get("bar") is None) or "closed" in row["name"]:
            continue
        plain = f"{row['value']:.3g} {row['unit']}".strip()
        value = f"{row['value']:,}" if isinstance(row["value"], int) and row["value"] >= 1000 else plain
        share = "" if row.get("share") is None else f"{100 * row['share']:.1f} %"
        bar = "" if row.get("bar") is None else (
            f"≤ {100 * row['bar']:.0f} %" if row.get("share") is not None else f"≤ {row['bar']:.3g} {row['unit']}")
        lines.append(f"| {row['name'].strip()} | {value} | {share} | {bar} |")
    return "\n".join(lines)


def training_table(rows: list[dict]) -> str:
    lines = ["| task | method | seeds | accuracy before | after | backward effort | step effort | skipped | time |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        lines.append(
            f"| {row['description']} | {report.LABELS[row['method']]} | {len(row['seeds'])} | {row['accuracy_before']:.3f} "
            f"| {row['accuracy_after']:.3f} | {row['backward_effort']:.3f} | {row['step_effort']:.3f} "
            f"| {row['skip_rate']:.3f} | {row['seconds']:.0f} s |")
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
    ("trainings", "out/trainings/summary.json", training_table),
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
