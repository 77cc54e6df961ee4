# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone, as C11, C17 and C++17, without a warning."""
import os
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "abi" / "include"
HEADERS = sorted(p.relative_to(INCLUDE).as_posix() for p in INCLUDE.rglob("*.h"))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

# (standard, compiler, language)
DIALECTS = [
    ("c11", os.environ.get("CC", "gcc"), "c"),
    ("c17", os.environ.get("CC", "gcc"), "c"),
    ("c++17", os.environ.get("CXX", "g++"), "c++"),
]

def compile_header(include, header, standard, compiler, language):
    """Compiles a source that includes the header twice and nothing else; returns what is said."""
    source = f"#include <{header}>\n#include <{header}>\nextern int translation_unit;\n"
    command = [*shlex.split(compiler), f"-std={standard}", *WARNINGS, "-I", str(include),
               "-x", language, "-fsyntax-only", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


class PublicHeaders(unittest.TestCase):
    def test_there_are_headers(self):
        self.assertIn("berth/plugin.h", HEADERS)

    def test_each_compiles_alone(self):
        for header in HEADERS:
            for dialect in DIALECTS:
                with self.subTest(header=header, standard=dialect[0]):
                    self.assertEqual(compile_header(INCLUDE, header, *dialect), "")


class TheTestItself(unittest.TestCase):
    """Each planted fault is found in at least the dialects that are named."""

    FAULTS = [
        ("needs another header", "uint32_t x(void);", {"c11", "c17", "c++17"}),
        ("no guard", "struct twice { int x; };", {"c11", "c17", "c++17"}),
        ("a C++ keyword", "#pragma once\nstruct s { int class; };", {"c++17"}),
        ("an empty struct", "#pragma once\nstruct s { };", {"c11", "c17"}),
        ("a zero length array", "#pragma once\nstruct s { int n; char c[0]; };",
         {"c11", "c17", "c++17"}),
    ]

    def test_faults_are_found(self):
        for name, text, expected in self.FAULTS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                Path(folder, "planted.h").write_text(text + "\n", encoding="utf-8")
                found = {d[0] for d in DIALECTS if compile_header(folder, "planted.h", *d)}
                self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
