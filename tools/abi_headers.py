# SPDX-License-Identifier: Apache-2.0
"""Reads the ABI's headers, whose form tests/abi checks: constants, structs, functions with their tags."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "abi" / "include" / "berth"

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STRUCT = re.compile(r"^struct (berth_\w+) \{(.*?)^\};", re.DOTALL | re.MULTILINE)
CALLBACK = re.compile(r"(/\*(?:(?!\*/).)*?\*/)\s*typedef ([^;]*?\(\*(\w+)\)[^;]*);", re.DOTALL)
MEMBER = re.compile(r"(/\*(?:(?!\*/).)*?\*/)?\s*([^;/]+);", re.DOTALL)
CONSTANT = re.compile(r"^#define (BERTH_\w+) (\S.*)$", re.MULTILINE)
VALUE = re.compile(r'^(\d+u?|0x[0-9a-f]+u?|"[^"]*")(\s*/\*.*\*/)?$')


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tags(comment):
    found = dict(re.findall(r"@(thread|state|owner|errors) ([^\n]*)", comment or ""))
    return [found[name].strip() for name in ("thread", "state", "owner", "errors")]


def function_row(struct, field, declared, comment):
    cells = ", ".join(quoted(cell) for cell in [squeeze(declared), *tags(comment)])
    return f"FUNCTION({struct}, {field}, {cells})"


def member_rows(struct, body):
    for comment, declared in MEMBER.findall(body):
        declared = squeeze(COMMENT.sub("", declared))
        pointer = re.search(r"\(\*(\w+)\)\(", declared)
        if pointer:
            yield f"FIELD({struct}, {pointer.group(1)}, \"function\", \"\")"
            yield function_row(struct, pointer.group(1), declared, comment)
        else:
            kind, stars, name, array = re.fullmatch(r"(.*?)\s*(\**)(\w+)(\[\w+\])?", declared).groups()
            kind = f"{kind} {stars}".strip()
            yield f"FIELD({struct}, {name}, {quoted(kind)}, {quoted((array or '').strip('[]'))})"

def rows(include=INCLUDE):
    """The rows of kit/abi_tables.inc."""
    for header in sorted(include.glob("*.h")):
        text = header.read_text(encoding="utf-8")
        yield f"HEADER({quoted(header.name)})"
        for name, value in CONSTANT.findall(text):
            if VALUE.match(value):
                kind = "TEXT" if value.startswith('"') else "NUMBER"
                yield f"{kind}({name})"
        for comment, declared, name in CALLBACK.findall(text):
            yield function_row("", name, declared, comment)
        for name, body in STRUCT.findall(text):
            yield f"STRUCT({name})"
            yield from member_rows(name, body)
