# SPDX-License-Identifier: Apache-2.0
"""Bars as SVG, without a library: groups of them, each with its figure and the spread of its rounds."""

from xml.sax.saxutils import escape

from . import report
from .works import WORKS

COLOURS = {"direct": "#9aa5b1", "nginx": "#3e7cb1", "haproxy": "#7fb069", "berth": "#d1495b"}
LABEL_WIDTH = 360
BAR_WIDTH = 480
FIGURE_WIDTH = 150
BAR = 16
GAP = 14
TOP = 56


def bars(title, unit, groups):
    """groups: [(label, [(peer, value, least, most)])]; gives the document."""
    most = max((high for _, rows in groups for _, _, _, high in rows), default=1) or 1
    lines = []
    y = TOP
    for label, rows in groups:
        lines.append(f'<text x="{LABEL_WIDTH - 12}" y="{y + BAR * len(rows) / 2 + 4:.0f}" '
                     f'text-anchor="end">{escape(label)}</text>')
        for peer, value, low, high in rows:
            width, left, right = (BAR_WIDTH * part / most for part in (value, low, high))
            middle = y + BAR / 2
            lines.append(f'<rect x="{LABEL_WIDTH}" y="{y + 1}" width="{width:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS.get(peer, "#888")}"><title>{escape(peer)}</title></rect>')
            lines.append(f'<path d="M{LABEL_WIDTH + left:.1f} {middle}H{LABEL_WIDTH + right:.1f}" stroke="#222"/>')
            lines.append(f'<text x="{LABEL_WIDTH + right + 8:.1f}" y="{y + BAR - 4}" class="figure">'
                         f'{escape(peer)} {report.number(value)}</text>')
            y += BAR
        y += GAP
    width = LABEL_WIDTH + BAR_WIDTH + FIGURE_WIDTH
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
            'font-family="sans-serif" font-size="13">\n<style>.figure{font-size:11px}</style>\n'
            f'<rect width="{width}" height="{y}" fill="#fff"/>\n'
            f'<text x="12" y="24" font-size="16">{escape(title)}</text>\n'
            f'<text x="12" y="42" class="figure">{escape(unit)}</text>\n')
    return head + "\n".join(lines) + "\n</svg>\n"


def groups_of(results, peers, key, scale=1.0):
    """Of each work the bars of those who did it."""
    groups = []
    for work in WORKS:
        by_peer = results.get(work.name, {})
        rows = [(peer, report.median(by_peer[peer], key) * scale,
                 *(value * scale for value in report.spread(by_peer[peer], key)))
                for peer in peers if by_peer.get(peer) and report.spread(by_peer[peer], key)]
        if rows:
            groups.append((work.title, rows))
    return groups


def ratios(groups):
    """The same as multiples of nginx' median."""
    made = []
    for label, rows in groups:
        base = next((value for peer, value, _, _ in rows if peer == report.BASE), None)
        if base:
            made.append((label, [(peer, value / base, low / base, high / base)
                                 for peer, value, low, high in rows]))
    return made


def write_all(directory, meta, results):
    directory.mkdir(parents=True, exist_ok=True)
    peers = meta["peers"]
    when = f"commit {meta['commit']}, {meta['date']}, medians of {meta['rounds']} rounds; lines: least to most"
    plots = {
        "cpu.svg": bars("CPU time a request, nginx = 1", when, ratios(groups_of(results, peers, "cpu_us"))),
        "p99.svg": bars("99th percentile of latency, milliseconds", when,
                        groups_of(results, peers, "p99_us", 1e-3)),
    }
    for name, text in plots.items():
        (directory / name).write_text(text, encoding="utf-8")
