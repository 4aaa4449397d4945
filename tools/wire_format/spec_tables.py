"""The tables of SPEC.md, between <!-- layout NAME --> and <!-- end -->."""

from __future__ import annotations

import re

from tflm_tinyprop.format import tables
from tflm_tinyprop.format.layout import Field, Group, Struct
from tflm_tinyprop.format.losses import LABELS, LOSSES
from tflm_tinyprop.format.sample_status import SampleStatus

OPTIONS = tuple(dict.fromkeys(op.options for op in tables.OPS))
_GROUP_TEXTS = {
    tables.LAYER_GRAD: "fused activation, flags, l and layers above, as at offset 4 of TinyPropFullyConnectedGrad",
    tables.WINDOW: "window",
}


def _row(*cells) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def options_table(struct: Struct) -> str:
    """Fields with the header that all options have."""
    header = tables.OPTIONS_HEADER
    sizes = [header.size() + struct.size(version) for version in range(1, struct.version + 1)]
    version, size = "version = 1", f"size = {sizes[0]}"
    for number, grown in enumerate(sizes[1:], start=2):
        version += f", or {number} if what it brought differs from the default"
        size += f", in version {number} {grown}"
    lines = ["| offset | size | field |", "|---|---|---|", _row(0, 2, version), _row(2, 2, size)]
    return "\n".join(lines + _field_rows(struct, header.size(), types=False))


def struct_table(struct: Struct, types: bool, constants: dict[str, str] | None = None) -> str:
    lines = ["| offset | size | type | field |", "|---|---|---|---|"] if types else ["| offset | size | field |", "|---|---|---|"]
    return "\n".join(lines + _field_rows(struct, 0, types, constants))


def _field_rows(struct: Struct, base: int, types: bool, constants: dict[str, str] | None = None) -> list[str]:
    rows, offset = [], base
    members = [*struct.members, *struct.tail]
    for member in members:
        if isinstance(member, Group):
            size, text, kind = member.struct.size(), _GROUP_TEXTS[member.struct], ""
        else:
            size, kind = member.size, _type_text(member)
            text = (constants or {}).get(member.name, member.text)
            if member.type == "f32" and not types:
                text = f"f32: {text}"
            if member.since > 1:
                text += f"; since version {member.since}, before that {member.default}"
        rows.append(_row(offset, size, kind, text) if types else _row(offset, size, text))
        offset += size
    return rows


def _type_text(field: Field) -> str:
    if field.name is None:
        return field.type
    return f"{field.type} x {field.count}" if field.count > 1 and field.type != "bytes" else field.type


def _flags_table() -> str:
    texts = {
        tables.SHARES_DECISION: "shares the decision's running maximum: state element 0 is read instead of element l, and none is "
                                "written",
        tables.UPDATES_WEIGHTS: "updates the weights",
        tables.UPDATES_BIAS: "updates the bias",
        tables.ONLY_UPDATES: "only updates, with the delta that an op of this layer number before it has made sparse",
    }
    return "\n".join(["| flag | meaning |", "|---|---|", *(_row(bit, texts[bit]) for bit in tables.LAYER_GRAD_FLAGS)])


def _losses_table() -> str:
    ends = {"SOFTMAX": "the input of a SOFTMAX at the end, else the output", "LOGISTIC": "the input of a LOGISTIC at the end, else the output",
            None: "the output"}
    return "\n".join(["| code | loss | op | label | taken on | parameters |", "|---|---|---|---|---|---|",
                      *(_row(code, f"`{loss.name}`", f"`TinyProp{loss.op}`", LABELS[loss.label], ends[loss.passes_over],
                             ", ".join(p.replace("_", " ") for p in loss.parameters) or "-")
                        for code, loss in enumerate(LOSSES))])


def _control_table() -> str:
    names = {"learning_rate": "learning rate", "s_min": "S_min", "s_max": "S_max", "d_min": "D_min", "d_max": "D_max"}
    rows = [_row(i, names.get(f.name, f.name), f.text) if f.text else f"| {i} | {names.get(f.name, f.name)} | |"
            for i, f in enumerate(tables.CONTROL.fields())]
    return "\n".join(["| element | field | |", "|---|---|---|", *rows])


def _statistics_table() -> str:
    rows = [_row(s.text.removeprefix("row "), *(f.text for f in s.fields()))
            for s in (tables.SAMPLE_STATISTICS, tables.LAYER_STATISTICS)]
    return "\n".join(["| row | field 0 | field 1 | field 2 | field 3 |", "|---|---|---|---|---|", *rows])


def _weight_table() -> str:
    header = tables.WEIGHT_HEADER
    size = header.size()
    table = struct_table(header, True, {"version": f"version = {header.version}", "header_size": f"header size = {size}"})
    return "\n".join([
        table.replace("; since version 2, before that 0", ""), _row(size, "4 V", "u32", "elements of each variable"),
        _row(f"{size} + 4 V", "4 E", "f32", "values, variable after variable in the order of the variable records, the state last"),
        _row(f"{size} + 4 V + 4 E", 4, "u32", "CRC-32 (as in zlib) over all bytes before it")])


def spec_tables() -> dict[str, str]:
    """Content of SPEC.md's tables by their markers' names."""
    header = tables.METADATA_HEADER
    sizes = {"version": f"version = {header.version}; files before the CRC have 1, or 2 if a record is longer than in version 1",
             "header_size": "header size = " + ", ".join(
                 f"{header.size(version)} in version {version}" for version in range(1, header.version + 1))}
    return {
        **{struct.name: options_table(struct) for struct in OPTIONS},
        "WindowOptions": struct_table(tables.WINDOW, types=False),
        "LayerGradFlags": _flags_table(),
        "Control": _control_table(),
        "Losses": _losses_table(),
        "Gate": "\n".join(["| value | SampleStatus | |", "|---|---|---|",
                           *(_row(int(s), s.name.lower().replace("_", "-"), s.text) for s in SampleStatus)]),
        "Statistics": _statistics_table(),
        "MetadataHeader": struct_table(header, True, sizes),
        "LayerRecord": struct_table(tables.LAYER_RECORD, True),
        "VariableRecord": struct_table(tables.VARIABLE_RECORD, True),
        "WeightRecord": _weight_table(),
    }


def spec(text: str) -> str:
    """SPEC.md with its tables written anew. Raises KeyError for a marker that names no table."""
    known = spec_tables()
    found = re.findall(r"<!-- layout (\w+) -->", text)
    missing = sorted(set(known) - set(found))
    if missing:
        raise KeyError(f"SPEC.md has no table for {', '.join(missing)}")
    return re.sub(r"(<!-- layout (\w+) -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{known[m[2]]}\n{m[3]}", text, flags=re.DOTALL)
