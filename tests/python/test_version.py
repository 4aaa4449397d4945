"""The version has one number wherever it is written."""

import pathlib
import re
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_headers_have_the_packages_version(tmp_path):
    source = tmp_path / "version.cc"
    source.write_text('''#include "tflm_tinyprop/version.h"
#include <cstdio>
int main() { std::printf("%s %d", TINYPROP_VERSION_STRING, TINYPROP_VERSION); }
''')
    subprocess.run(["g++", f"-I{ROOT}", source, "-o", tmp_path / "version"], check=True)
    text, number = subprocess.run([tmp_path / "version"], capture_output=True, text=True, check=True).stdout.split()
    major, minor, patch = map(int, VERSION.split("."))
    assert text == VERSION and int(number) == 10_000 * major + 100 * minor + patch


def test_every_public_header_has_it():
    for header in ("ops.h", "trainer.h", "weight_store.h"):
        assert '#include "tflm_tinyprop/version.h"' in (ROOT / "tflm_tinyprop" / header).read_text(), header


def test_the_builds_have_it():
    for name, pattern in (("CMakeLists.txt", r"project\(tflm_tinyprop VERSION (\S+)"), ("MODULE.bazel", r'version = "(\S+)"')):
        assert re.search(pattern, (ROOT / name).read_text())[1] == VERSION, name
