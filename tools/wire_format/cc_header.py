"""cc/core/wire_format.h: C++ structs, offsets, enumerations and the list of ops."""

from __future__ import annotations

import textwrap

from tflm_tinyprop.config import CONFIG_RULES, CONFIG_SPANS, CONTROL_FIELDS, comparisons
from tflm_tinyprop.format import tables
from tflm_tinyprop.format.layout import Field, Group, Struct
from tflm_tinyprop.format.losses import LABELS, LOSS_NAMES, LOSSES
from tflm_tinyprop.format.sample_status import SampleStatus

OPTIONS = tuple(dict.fromkeys(op.options for op in tables.OPS))
_C_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "f32": "float"}
_ENUMS = (
    ("SampleStatus", "int32_t", "What a training step did with a sample: elements of the gate.",
     [(s.name.lower(), int(s), s.text) for s in SampleStatus]),
    ("Activation", "uint8_t", "Fused activations, with the values of ActivationFunctionType in TFLite's schema.",
     [(name, code, "") for code, name in enumerate(tables.ACTIVATIONS)]),
    ("ElementwiseActivation", "uint8_t", "Activations that are ops of their own. The first ones are those above.",
     [(name, code, "") for code, name in enumerate(tables.ELEMENTWISE_ACTIVATIONS)]),
    ("LossKind", "uint8_t", "Losses.", [(name, code, "") for code, name in enumerate(LOSS_NAMES)]),
    ("LabelKind", "uint8_t", "What a label is.", [(name, code, LABELS[name]) for code, name in enumerate(LABELS)]),
    ("VariableRole", "uint8_t", "What a variable is.", [(name, code, "") for code, name in enumerate(tables.ROLES)]),
)


def camel(name: str) -> str:
    """stride_height -> StrideHeight, relu_n1_to_1 -> ReluN1To1."""
    return "".join(part.capitalize() for part in name.split("_"))


def cc_header() -> str:
    parts = [
        "// Layout of everything that is stored or exchanged as bytes (SPEC.md). Written by `make generate` from",
        "// python/tflm_tinyprop/format/tables.py: change that, not this.",
        "#ifndef TINYPROP_CC_CORE_WIRE_FORMAT_H_",
        "#define TINYPROP_CC_CORE_WIRE_FORMAT_H_",
        "", "#include <cstddef>", "#include <cstdint>", "", "namespace tinyprop {", "",
        _op_list(), *(_enum(*enum) for enum in _ENUMS), _losses(), _tensors(), *(_options_struct(s) for s in _option_structs()),
        _metadata(), _weight_record(),
        "}  // namespace tinyprop", "", "#endif  // TINYPROP_CC_CORE_WIRE_FORMAT_H_", "",
    ]
    return "\n".join(parts)


def _op_list() -> str:
    lines = ["#define TINYPROP_OPS(X)", *(f"  X({op.name})" for op in tables.OPS)]
    width = max(map(len, lines))
    body = " \\\n".join(line.ljust(width) for line in lines).rstrip()
    return ("// All ops, in the order in which they are registered: TinyProp<name>, Register<name>().\n"
            f"{body}\n\nconstexpr int kTinyPropOpCount = {len(tables.OPS)};\n")


def _enum(name: str, base: str, text: str, values: list[tuple[str, int, str]]) -> str:
    lines = "\n".join(f"  k{camel(value)} = {code},{f'  // {meaning}' if meaning else ''}" for value, code, meaning in values)
    return f"// {text}\nenum class {name} : {base} {{\n{lines}\n}};\nconstexpr int k{name}Count = {len(values)};\n"


def _losses() -> str:
    """Names and kinds of labels by LossKind."""
    return "\n".join([
        "// By LossKind.", "constexpr const char* kLossNames[] = {", *(f'    "{name}",' for name in LOSS_NAMES), "};",
        "constexpr LabelKind kLabelKinds[] = {", *(f"    LabelKind::k{camel(loss.label)},  // {loss.name}" for loss in LOSSES),
        "};", ""])


def _tensors() -> str:
    return "\n".join([
        f"// Elements of the control tensor.\nstruct {tables.CONTROL.name} {{",
        *(f"  float {f.name};" for f in tables.CONTROL.fields()), "};",
        f"constexpr int32_t kControlSize = {len(tables.CONTROL.fields())};",
        f"static_assert(sizeof({tables.CONTROL.name}) == kControlSize * sizeof(float), \"no padding\");",
        *_config_rules(), "",
        *("\n".join([f"// Fields of the statistics tensor, {s.text}.", f"struct {s.name} {{",
                     *(f"  float {f.name}; // {f.text}".replace("; //", ";  //") for f in s.fields()), "};"])
          for s in (tables.SAMPLE_STATISTICS, tables.LAYER_STATISTICS)),
        f"constexpr int32_t kStatisticsFields = {len(tables.SAMPLE_STATISTICS.fields())};",
        *(f"static_assert(sizeof({s.name}) == kStatisticsFields * sizeof(float), \"no padding\");"
          for s in (tables.SAMPLE_STATISTICS, tables.LAYER_STATISTICS)), "",
    ])


def _config_rules() -> list[str]:
    """Of numbers that are finite; Control::IsValid sees to that."""
    def term(word: str) -> str:
        return f"c.{word}" if word in CONTROL_FIELDS else f"{float(word)}f"

    parts = [f"{term(a)} {comparison} {term(b)}" for rule in CONFIG_RULES for a, comparison, b in comparisons(rule)]
    spans = [f"c.{high} - c.{low}" for low, high in CONFIG_SPANS]
    return [
        "// Whether settings that are finite, and whose SettingSpans are, are valid (CONFIG_RULES in config.py).",
        f"constexpr bool KeepsRules(const {tables.CONTROL.name}& c) {{",
        *textwrap.wrap(f"return {' && '.join(parts)};", 112, initial_indent="  ", subsequent_indent="         "), "}",
        "struct SettingSpans {", f"  float value[{len(spans)}];", "};",
        f"constexpr SettingSpans SpansOf(const {tables.CONTROL.name}& c) {{ return {{{{{', '.join(spans)}}}}}; }}",
    ]


def _option_structs() -> list[Struct]:
    """Groups before the structs that have them."""
    groups = [member.struct for s in OPTIONS for member in s.members if isinstance(member, Group)]
    return list(dict.fromkeys([*groups, *OPTIONS]))


def _options_struct(struct: Struct) -> str:
    used_by = [op.kind for op in tables.OPS if op.options is struct]
    lines = [*_comment(f"Custom options of {', '.join(used_by)}." if used_by else f"{struct.text}, a part of custom options."),
             f"struct {struct.name} {{"]
    for field in struct.fields():
        if field.flags and any(field is member for member in struct.members):
            lines += [f"  static constexpr {_C_TYPES[field.type]} k{camel(name)} = {bit};" for bit, name in field.flags.items()]
    sizes = ", ".join(str(struct.size(version)) for version in range(1, struct.version + 1))
    lines += [f"  static constexpr uint16_t kBytes[] = {{{sizes}}};  // of each version, from 1 on", *([""] if struct.members else [])]
    return "\n".join([*lines, *map(_member, struct.members), "};", *_asserts(struct), *_is_known(struct), ""])


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="// ", subsequent_indent="// ")


def _member(member: Field | Group) -> str:
    if isinstance(member, Group):
        return f"  {member.struct.name} {member.name};"
    kind = _C_TYPES[member.type]
    if member.name is None:
        return f"  {kind} reserved[{member.count}] = {{}};"
    default = f"{float(member.default)}f" if member.type == "f32" else member.default
    return f"  {kind} {member.name} = {default};  // {member.text}"


def _asserts(struct: Struct) -> list[str]:
    """The struct is copied as it lies in memory, so that the compiler's layout has to be the file's."""
    offset, lines = 0, []
    for member in struct.members:
        name = member.name or "reserved"
        lines.append(f'static_assert(offsetof({struct.name}, {name}) == {offset}, "{name}");')
        offset += member.struct.size() if isinstance(member, Group) else member.size
    return lines


def _is_known(struct: Struct) -> list[str]:
    """Whether all values are such as a reader accepts."""
    tests = []
    for member in struct.members:
        if isinstance(member, Group):
            tests.append(f"IsKnown(o.{member.name})")
            continue
        if member.name and member.lowest is not None and (member.type == "f32" or member.lowest > 0):
            tests.append(f"o.{member.name} >= {member.lowest}")
        if member.flags:
            tests.append(f"(o.{member.name} & ~{sum(member.flags)}) == 0")
        elif member.name and member.highest is not None:
            tests.append(f"o.{member.name} <= {member.highest}")
    if not tests:
        return [f"constexpr bool IsKnown(const {struct.name}&) {{ return true; }}"]
    result = textwrap.wrap(f"return {' && '.join(tests)};", 112, initial_indent="  ", subsequent_indent="         ")
    return [f"constexpr bool IsKnown(const {struct.name}& o) {{", *result, "}"]


def _metadata() -> str:
    lines = ["// Offsets into the metadata entry TINYPROP and its records, by type: flatbuffers align neither.",
             "namespace wire {", "",
             *(f"enum class {kind} : int32_t {{}};" for kind in ("U8", "U16", "U32", "U64", "F32")), "",
             "template <typename Field>", "constexpr int32_t Offset(Field field) {", "  return static_cast<int32_t>(field);", "}", ""]
    for struct in (tables.METADATA_HEADER, tables.LAYER_RECORD, tables.VARIABLE_RECORD):
        sizes = ", ".join(str(struct.size(version)) for version in range(1, struct.version + 1))
        lines += [f"struct {struct.name} {{", f"  static constexpr uint32_t kLatestVersion = {struct.version};",
                  f"  static constexpr int32_t kBytes[] = {{{sizes}}};  // of each version, from 1 on", ""]
        for offset, field in struct.layout():
            if field.type == "bytes":
                lines.append(f'  static constexpr char kMagic[] = "{tables.METADATA_MAGIC.decode()}";  // at {offset}')
            elif field.name:
                lines.append(f"  static constexpr {field.type.upper()} k{camel(field.name)}{{{offset}}};")
        lines += ["};", ""]
    return "\n".join([*lines, "}  // namespace wire", ""])


def _weight_record() -> str:
    header = tables.WEIGHT_HEADER
    lines = ["// A weight record begins with this header, copied as it lies in memory.", f"struct {header.name} {{"]
    lines += [f"  {'uint32_t' if f.type == 'bytes' else _C_TYPES[f.type]} {f.name};" for _, f in header.layout()]
    lines += ["};"]
    lines += [f'static_assert(offsetof({header.name}, {f.name}) == {offset}, "{f.name}");' for offset, f in header.layout()]
    magic = int.from_bytes(tables.WEIGHT_MAGIC, "little")
    return "\n".join([*lines, f"constexpr uint32_t kRecordMagic = 0x{magic:08x};  // \"{tables.WEIGHT_MAGIC.decode()}\"",
                      f"constexpr uint16_t kRecordVersion = {header.version};", ""])


# Fields for tests ---------------------------------------------------------------------------------------------------


def cc_fields() -> str:
    """tests/cc/wire_fields.h: every field of the options under its name, so that tests can compare with the vectors."""
    parts = [
        "// The fields of options by name, for tests. Written by `make generate`.",
        "#ifndef TINYPROP_TESTS_CC_WIRE_FIELDS_H_", "#define TINYPROP_TESTS_CC_WIRE_FIELDS_H_", "",
        "#include <string>", "#include <utility>", "#include <vector>", "", '#include "cc/core/wire_format.h"', "",
        "namespace tinyprop {", "namespace testing {", "", "using Fields = std::vector<std::pair<std::string, double>>;", "",
    ]
    for struct in OPTIONS:
        entries = [f'      {{"{name}", o.{path}}},' for name, path in _paths(struct, "")]
        body = ["  return {", *entries, "  };"] if entries else ["  return {};"]
        parts += [f"inline Fields FieldsOf(const {struct.name}&{' o' if entries else ''}) {{", *body, "}", ""]
    return "\n".join([*parts, "}  // namespace testing", "}  // namespace tinyprop", "",
                      "#endif  // TINYPROP_TESTS_CC_WIRE_FIELDS_H_", ""])


def _paths(struct: Struct, prefix: str) -> list[tuple[str, str]]:
    """(name, C++ expression behind the object) of every field, in order."""
    found = []
    for member in struct.members:
        if isinstance(member, Group):
            found += _paths(member.struct, f"{prefix}{member.name}.")
        elif member.name:
            found.append((member.name, f"{prefix}{member.name}"))
    return found
