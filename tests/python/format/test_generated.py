"""What `make generate` writes is what lies in the repository, and Python reads the vectors as C++ does."""

import importlib.util
import pathlib
import re
import sys

import pytest

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, options, tables

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools/wire_format"
VECTORS = (ROOT / "tests/vectors/wire_format.inc").read_text()
OPTIONS = re.findall(r'OPTIONS\((\w+), \w+, "(\w+)", "(.*)"\)', VECTORS)
METADATA = re.findall(r'METADATA\("(\w+)", "(.*)"\)', VECTORS)


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOL))
    try:
        spec = importlib.util.spec_from_file_location("wire_format_main", TOOL / "__main__.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(TOOL))


def test_generated_files_are_up_to_date(tool):
    for path, content in tool.generated().items():
        assert path.read_text() == content, f"{path.relative_to(ROOT)} is not up to date: run `make generate`"


def parsed(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (field.split("=") for field in text.split())}


def test_there_is_a_vector_for_every_op():
    assert {name for name, _, _ in OPTIONS} == {op.name for op in tables.OPS}


@pytest.mark.parametrize(("name", "content", "text"), OPTIONS)
def test_options_read_and_written(name, content, text):
    found = options.unpack(f"TinyProp{name}", bytes.fromhex(content))
    assert vars(found) == parsed(text)
    assert found.pack().hex() == content


@pytest.mark.parametrize(("content", "text"), METADATA)
def test_metadata_of_this_and_of_a_later_writer(content, text):
    found = metadata.unpack(bytes.fromhex(content))
    for name, value in parsed(text).items():
        assert getattr(found, name) == value, name
    assert [layer.name for layer in found.layers] == ["conv", "h\u00e9ad"]
    assert [variable.elements for variable in found.variables] == [216, 2580, 10, 3]
    assert found.loss == "categorical_crossentropy" and found.config.decay == 0.875
    # Written anew it is what this version writes.
    assert found.pack().hex() == METADATA[0][0]


@pytest.mark.parametrize("content", [content for content, _ in METADATA])
def test_every_truncation_of_an_entry_is_damage(content):
    entry = bytes.fromhex(content)
    for length in range(len(entry)):
        with pytest.raises(ModelError, match="damaged"):
            metadata.unpack(entry[:length])
