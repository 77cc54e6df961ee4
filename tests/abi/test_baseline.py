# SPDX-License-Identifier: Apache-2.0
"""What was published stays: baselines against today's headers, old plugins on today's host, and what
a change of the headers must bring with it, rehearsed with made-up ones."""
import re
import shutil
import subprocess
import sys

import pytest
from berth_process import BUILD, ROOT, run
from wire import Wire

BASELINES = sorted(path.parent for path in (ROOT / "abi" / "baseline").glob("*/include"))
INCLUDE = ROOT / "abi" / "include" / "berth"
CHANGELOG = ROOT / "abi" / "CHANGELOG.md"
COMPARE = ROOT / "tools" / "abi-compare"


def compare(old, new, *options):
    done = subprocess.run([sys.executable, str(COMPARE), str(old), str(new), *map(str, options)],
                          capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, done.stdout


def options_of(baseline):
    return ["--changelog", CHANGELOG] + (["--candidate"] if baseline.name.endswith("-rc") else [])


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.name)
def test_nothing_that_was_published_breaks(baseline):
    status, said = compare(baseline / "include" / "berth", INCLUDE, *options_of(baseline))
    assert status == 0, said


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.name)
def test_abidiff_sees_no_more_than_that(baseline, tmp_path):
    """The types as the compiler has them, beside the headers' text."""
    subprocess.run([sys.executable, ROOT / "tools" / "abi-freeze", "--dump", INCLUDE, tmp_path / "now.abi"], check=True)
    done = subprocess.run(["abidiff", baseline / "types.abi", tmp_path / "now.abi"],
                          capture_output=True, text=True, check=False)
    _, said = compare(baseline / "include" / "berth", INCLUDE, *options_of(baseline))
    assert (done.returncode == 0) == (said == "compatible\n"), done.stdout + said


def compile_plugin(source, include, made, *options):
    """As plugin/template/Makefile does."""
    subprocess.run(["cc", "-std=c17", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-I", include,
                    f"-Wl,--version-script={ROOT / 'abi' / 'cmake' / 'plugin.map'}", "-Wl,-z,defs", "-Wl,-z,now",
                    *options, "-o", made, source], check=True)
    return made


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.name)
def test_a_plugin_of_then_runs_on_todays_host(baseline, tmp_path, start_berth):
    plugin = compile_plugin(baseline / "template.c", baseline / "include", tmp_path / "template.so")
    berth = start_berth(plugins=[plugin])
    with Wire(berth) as wire:
        assert wire.ask("GET", "/_plugins/_template/answer").status == 200
        assert wire.ask("POST", "/_berth/plugins/template/_reload").status == 200
    done = subprocess.run([BUILD / "berth-abi", "check", plugin], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ---- the rehearsal ----

class Headers:
    """A copy of the headers, and of the changelog, to change."""

    def __init__(self, folder):
        self.include = folder / "include" / "berth"
        shutil.copytree(INCLUDE, self.include)
        self.changelog = folder / "CHANGELOG.md"
        shutil.copy(CHANGELOG, self.changelog)

    def replace(self, header, old, new, count=1):
        path = self.include / header
        text = path.read_text(encoding="utf-8")
        assert len(re.findall(old, text, re.M)) >= 1, old
        path.write_text(re.sub(old, new, text, count=count, flags=re.M), encoding="utf-8")
        return self

    def bump(self, minor=1):
        return self.replace("plugin.h", r"(#define BERTH_ABI_MINOR) \d+", rf"\1 {minor}")

    def note(self, header, number="1.1"):
        text = self.changelog.read_text(encoding="utf-8")
        self.changelog.write_text(text.replace("\n## ", f"\n## {number}\n\n- 2030-01-01 `{header}`: more\n\n## ", 1),
                                  encoding="utf-8")
        return self

    def add_function(self):
        """One more, at the end of a table."""
        self.replace("log.h", r"^};\nBERTH_ASSERT_SIZE\(struct berth_log_v1, (\d+)\);", """
    /*
     * Writes what is still to be written.
     * @thread any
     * @state any
     * @owner nothing changes hands
     * @errors IO
     */
    int32_t (*flush)(const struct berth_host *host);
};
BERTH_ASSERT_SIZE(struct berth_log_v1, SIZE);""")
        size = int(re.search(r"struct berth_log_v1, (\d+)\)", (INCLUDE / "log.h").read_text()).group(1))
        return self.replace("log.h", "SIZE\\);$", f"{size + 8});")

    def judged(self, *options):
        return compare(INCLUDE, self.include, "--changelog", self.changelog, *options)


@pytest.fixture
def headers(tmp_path):
    return Headers(tmp_path)


def test_an_addition_needs_a_number_and_a_line(headers):
    assert headers.judged() == (0, "compatible\n")
    headers.add_function()
    status, said = headers.judged()
    assert status == 1 and "raise BERTH_ABI_MINOR" in said and "berth_log_v1.flush" in said
    assert headers.judged("--candidate")[0] == 0
    headers.bump()
    status, said = headers.judged()
    assert status == 1 and "no line of `log.h` under 1.1" in said
    headers.note("log.h")
    status, said = headers.judged()
    assert status == 0, said


def test_plugins_and_hosts_of_two_minors(headers, tmp_path, start_berth):
    """The made-up 1.1: today's host takes what can do with 1.0, and refuses what cannot, with the reason."""
    headers.add_function().bump()
    template = (ROOT / "plugin" / "template" / "template.c").read_text()
    floor = ".abi_minor_floor = BERTH_ABI_MINOR"
    assert floor in template
    source = tmp_path / "newer.c"
    source.write_text(template)
    plugin = compile_plugin(source, headers.include.parent, tmp_path / "needs.so")
    done = run("check-config", "--plugin", plugin)
    assert done.returncode == 1 and "needs a host of ABI 1.1 or later" in done.stderr, done.stderr
    source.write_text(template.replace(floor, ".abi_minor_floor = 0"))
    plugin = compile_plugin(source, headers.include.parent, tmp_path / "newer.so")
    with Wire(start_berth(plugins=[plugin])) as wire:
        assert wire.ask("GET", "/_plugins/_template/answer").status == 200
        shown = wire.ask("GET", "/_berth/plugins").json()["plugins"][0]["abi"]
        assert shown == {"built_for": "1.1", "needs": "1.0", "host": "1.0"}


BREAKS = {
    "a field moves": ("routes.h", r"(    uint32_t parts?_count;\n|    uint32_t part_count;\n)", ""),
    "a function goes": ("log.h", r"BERTH_ASSERT_SIZE\(struct berth_log_v1, \d+\)", "BERTH_ASSERT_SIZE(struct berth_log_v1, 8)"),
    "a constant changes": ("routes.h", r"(#define BERTH_ROUTE_LOOP) \w+", r"\1 77u"),
    "a constant goes": ("routes.h", r"#define BERTH_ROUTE_LOOP \w+\n", ""),
    "an error changes": ("error.h", r"X\(LIMIT, -8, 429", "X(LIMIT, -8, 430"),
    "an error goes": ("error.h", r"    X\(EXISTS, .*\n", ""),
    "a state changes": ("lifecycle.h", r"X\(SERVING, 4", "X(SERVING, 44"),
    "a transition goes": ("lifecycle.h", r"    X\(STARTED, loop_stop, STARTED\) .*\n", ""),
    "a parameter changes": ("worker.h", r"(\(\*submit\)\(const struct berth_host \*host, )", r"\1uint32_t more, "),
    "a type of callback changes": ("loop.h", r"typedef void \(\*berth_timer_fn\)\(void \*user\)",
                                   "typedef void (*berth_timer_fn)(void *user, uint64_t now)"),
    "a callback comes on other threads": ("loop.h", r"@thread loop\n \* @state STARTED SERVING DRAINING\n \* @owner nothing",
                                          "@thread any\n * @state STARTED SERVING DRAINING\n * @owner nothing"),
    "a call is allowed on fewer threads": ("state.h", r"@thread control\n     \* @state SERVING DRAINING",
                                           "@thread worker\n     * @state SERVING DRAINING"),
    "a struct without a size grows": ("types.h", r"BERTH_ASSERT_SIZE\(struct berth_str, 16\)",
                                      "BERTH_ASSERT_SIZE(struct berth_str, 24)"),
    "a header goes": ("secrets.h", r"[\s\S]+", ""),
    "the minor falls": ("plugin.h", r"(#define BERTH_ABI_MINOR) \d+", r"\1 -1"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_breaks_is_seen(headers, case):
    header, old, new = BREAKS[case]
    headers.replace(header, old, new)
    if case != "the minor falls":
        headers.bump()
        headers.note(header)
    status, said = headers.judged("--candidate")
    assert status == 1, said
    assert "breaks: " in said or "minor number" in said


def test_what_was_reserved_may_be_used(headers):
    path = next(path for path in INCLUDE.glob("*.h") if re.search(r"^    uint32_t reserved;$", path.read_text(), re.M))
    headers.replace(path.name, r"^    uint32_t reserved;$", "    uint32_t patience;")
    status, said = headers.judged("--candidate")
    assert status == 0 and "patience takes the place of reserved" in said, said


def test_a_baseline_is_not_made_over(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tools" / "abi-freeze", BASELINES[0].name],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "is there" in done.stdout
