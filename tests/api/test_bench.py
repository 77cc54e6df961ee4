# SPDX-License-Identifier: Apache-2.0
"""The bench's plots are SVG with a bar for each figure; its tables leave out what was not measured."""
import pathlib
import sys
from xml.etree import ElementTree

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
from harness import plot, report  # noqa: E402
from harness.works import WORKS  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
FIRST, SECOND = WORKS[0], WORKS[1]
RESULTS = {
    FIRST.name: {"nginx": [{"cpu_us": 10, "p99_us": 1000}, {"cpu_us": 30, "p99_us": 3000}],
                 "berth": [{"cpu_us": 40, "p99_us": 500}]},
    SECOND.name: {"berth": [{"cpu_us": 7, "p99_us": 100}], "nginx": []},
}


def test_bars():
    groups = plot.groups_of(RESULTS, ["nginx", "berth"], "cpu_us")
    assert groups == [(FIRST.title, [("nginx", 20, 10, 30), ("berth", 40, 40, 40)]),
                      (SECOND.title, [("berth", 7, 7, 7)])]
    assert plot.ratios(groups) == [(FIRST.title, [("nginx", 1, 0.5, 1.5), ("berth", 2, 2, 2)])]
    root = ElementTree.fromstring(plot.bars("a < b", "x & y", groups))
    widths = [float(bar.get("width")) for bar in root.iter(SVG + "rect")][1:]
    assert widths == [plot.BAR_WIDTH / 2, plot.BAR_WIDTH, plot.BAR_WIDTH * 7 / 40]
    texts = [text.text for text in root.iter(SVG + "text")]
    assert "a < b" in texts and "nginx 20.0" in texts


def test_no_figures():
    assert plot.groups_of({}, ["nginx"], "cpu_us") == []
    assert ElementTree.fromstring(plot.bars("nothing", "", [])).tag == SVG + "svg"


def test_table_without_a_peer():
    rows = report.works_rows(RESULTS, ["direct", "nginx", "berth"], report.cpu_cell)
    assert rows[0][1] == "" and rows[0][3].endswith("2.00 x")
    assert rows[1][2] == "too noisy"
