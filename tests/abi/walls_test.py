# SPDX-License-Identifier: Apache-2.0
"""Walls: who may include whom.

plugin/ and kit/ stand on abi/ and base/, host/ never on plugin/, abi/ on nothing, and within host/
each folder on itself and those before it in LAYERS alone.
"""
import re
import tempfile
import unittest
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

# Inside host/, lowest first. What stands in one row may include each other: the berth command
# (cli, main.c) starts the host, and the host reads the settings that the command declares.
LAYERS = [
    {"version.h"},
    {"base"},
    {"loop"},
    {"security"},
    {"http"},
    {"router"},
    {"settings"},
    {"nodes"},
    {"etcd"},
    {"store"},
    {"cluster"},
    {"peers"},
    {"plugins"},
    {"admin"},
    {"rest"},
    {"cli", "host.c", "host.h", "host_cluster.c", "host_internal.h", "main.c"},
]

STANDARD_C = {
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h",
    "limits.h", "locale.h", "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h",
    "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h",
    "string.h", "tgmath.h", "threads.h", "time.h", "uchar.h", "wchar.h", "wctype.h",
}
# What abi/ may take from the compiler: layouts need no more.
FREESTANDING = {"stddef.h", "stdint.h"}

# What base/ may take from it besides: the processor's vector instructions.
VECTORS = {"emmintrin.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

OWN_FOLDERS = {"abi", "base", "host", "kit", "plugin", "tests"}


def layer_of(name):
    return next((i for i, row in enumerate(LAYERS) if name in row), None)


def is_system(angled, path):
    """A header of the system or of a library: in angles, and not of this tree."""
    return angled and PurePosixPath(path).parts[0] not in OWN_FOLDERS | {"berth"} \
        and ".." not in PurePosixPath(path).parts


def abi_may(_file, angled, path):
    if angled:
        return path in FREESTANDING
    return "/" not in path and not path.startswith(".")


def base_may(file, angled, path):
    if angled:
        # base/curl is a library of its own, for those who want libcurl.
        return path.startswith("berth/") or path in STANDARD_C | VECTORS or file.parts[1] == "curl"
    return PurePosixPath(path).parts[0] == "base"


def plugin_may(file, angled, path):
    if angled:
        return path.startswith("berth/") or is_system(angled, path)
    own = file.parts[:2]
    parts = PurePosixPath(path).parts
    return ".." not in parts and (parts[0] == "base" or parts[:2] == own)


def kit_may(_file, angled, path):
    if angled:
        return path.startswith("berth/") or is_system(angled, path)
    parts = PurePosixPath(path).parts
    return ".." not in parts and parts[0] in ("base", "kit")


def host_may(file, angled, path):
    if angled:
        return path.startswith("berth/") or is_system(angled, path)
    parts = PurePosixPath(path).parts
    if ".." in parts or parts[0] not in ("base", "host"):
        return False
    if parts[0] == "base":
        return True
    here, there = layer_of(file.parts[1]), layer_of(parts[1])
    return here is not None and there is not None and there <= here


RULES = {"abi": abi_may, "base": base_may, "plugin": plugin_may, "kit": kit_may, "host": host_may}


def sources(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in (".c", ".h", ".in")
                  and not (folder == "abi" and p.suffix == ".c"))  # a baseline's template is a plugin


def violations(root, folder):
    """'file includes what' for every include that a folder's rule does not allow."""
    found = []
    for path in sources(root, folder):
        file = PurePosixPath(path.relative_to(root).as_posix())
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        for bracket, target in INCLUDE.findall(text):
            if not RULES[folder](file, bracket == "<", target):
                found.append(f"{file} includes {target}")
    return found


class Walls(unittest.TestCase):
    def test_each_folder_keeps_its_wall(self):
        for folder in RULES:
            with self.subTest(folder):
                self.assertEqual(violations(ROOT, folder), [])

    def test_each_folder_of_host_has_a_layer(self):
        folders = {p.name for p in (ROOT / "host").iterdir() if p.is_dir()}
        files = {p.name for p in (ROOT / "host").glob("*.[ch]")}
        self.assertEqual({name for name in folders | files if layer_of(name) is None}, set())

    def test_files_are_found(self):
        for folder in RULES:
            self.assertTrue(sources(ROOT, folder), folder)


class TheTestItself(unittest.TestCase):
    # (file, its include, whether that is allowed)
    CASES = [
        ("abi/include/berth/x.h", "<stdint.h>", True),
        ("abi/include/berth/x.h", '"types.h"', True),
        ("abi/include/berth/x.h", "<stdio.h>", False),
        ("abi/include/berth/x.h", "<sys/types.h>", False),
        ("abi/include/berth/x.h", '"base/str.h"', False),
        ("abi/include/berth/x.h", '"../x.h"', False),
        ("base/x.c", "<berth/error.h>", True),
        ("base/x.c", '"base/str.h"', True),
        ("base/x.c", "<string.h>", True),
        ("base/x.c", "<uv.h>", False),
        ("base/x.c", '"host/base/log.h"', False),
        ("base/x.c", '"plugin/one/x.h"', False),
        ("plugin/one/x.c", "<berth/plugin.h>", True),
        ("plugin/one/x.c", "<curl/curl.h>", True),
        ("plugin/one/x.c", '"base/str.h"', True),
        ("plugin/one/x.c", '"plugin/one/y.h"', True),
        ("plugin/one/x.c", '"plugin/two/y.h"', False),
        ("plugin/one/x.c", '"host/store/store.h"', False),
        ("plugin/one/x.c", "<host/store/store.h>", False),
        ("plugin/one/x.c", '"../../host/store/store.h"', False),
        ("plugin/one/x.c", '"tests/support/fault.h"', False),
        ("kit/x.c", "<berth/plugin.h>", True),
        ("kit/x.c", "<elf.h>", True),
        ("kit/x.c", '"base/str.h"', True),
        ("kit/host/x.c", '"kit/check.h"', True),
        ("kit/x.c", '"host/plugins/elf_image.h"', False),
        ("kit/x.c", '"plugin/one/x.h"', False),
        ("kit/x.c", '"../host/x.h"', False),
        ("host/store/x.c", '"kit/check.h"', False),
        ("host/store/x.c", '"host/base/log.h"', True),
        ("host/store/x.c", '"host/store/y.h"', True),
        ("host/store/x.c", '"host/version.h"', True),
        ("host/store/x.c", "<sqlite3.h>", True),
        ("host/store/x.c", '"host/plugins/plugins.h"', False),
        ("host/store/x.c", '"host/host.h"', False),
        ("host/base/x.c", '"host/loop/loop.h"', False),
        ("host/rest/x.c", '"host/cli/cli.h"', False),
        ("host/rest/x.c", '"host/new/new.h"', False),
        ("host/new/x.c", '"host/base/log.h"', False),
        ("host/http/x.c", '"plugin/one/x.h"', False),
        ("host/main.c", '"host/cli/cli.h"', True),
        ("host/cli/x.c", '"host/host.h"', True),
        ("host/cli/x.c", '"y.h"', False),
    ]

    def test_cases(self):
        for file, include, allowed in self.CASES:
            with self.subTest(file=file, include=include), tempfile.TemporaryDirectory() as root:
                path = Path(root, file)
                path.parent.mkdir(parents=True)
                path.write_text(f"/* {include} */\n# include {include}\n", encoding="utf-8")
                found = violations(Path(root), file.split("/")[0])
                self.assertEqual(found, [] if allowed else [f"{file} includes {include[1:-1]}"])

    def test_a_comment_is_no_include(self):
        with tempfile.TemporaryDirectory() as root:
            path = Path(root, "base", "x.c")
            path.parent.mkdir()
            path.write_text('/*\n#include "host/x.h"\n*/\n', encoding="utf-8")
            self.assertEqual(violations(Path(root), "base"), [])


if __name__ == "__main__":
    unittest.main()
