"""The examples run as they are."""

import pathlib
import re
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"


def test_finetune(tmp_path):
    run = subprocess.run([sys.executable, EXAMPLES / "finetune.py", tmp_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    before, after = (float(re.search(rf"{when}: +accuracy ([\d.]+)", run.stdout)[1]) for when in ("before", "after"))
    assert after > before + 0.3 and after > 0.85
    assert {p.name for p in tmp_path.iterdir()} == {"trainable.tflite", "weights.bin", "tuned.tflite", "tuned.keras"}
