# SPDX-License-Identifier: Apache-2.0
"""Medians, spreads, ratios; Markdown and JSON."""

import statistics

from .works import IN_FLIGHT, WORKS

BASE = "nginx"


def median(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def spread(runs, key):
    values = [run[key] for run in runs if key in run]
    return [min(values), max(values)] if values else None


def summary(results):
    """{work: {peer: {figure: {median, least, most, to_nginx}}}}"""
    out = {}
    for work, peers in results.items():
        out[work] = {}
        for peer, runs in peers.items():
            figures = sorted({key for run in runs for key in run})
            out[work][peer] = {
                key: {"median": median(runs, key), "spread": spread(runs, key),
                      "to_nginx": ratio(peers, peer, key)} for key in figures}
    return out


def ratio(peers, peer, key):
    base = median(peers.get(BASE, []), key)
    own = median(peers[peer], key)
    return own / base if base and own is not None else None


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def cpu_cell(peers, peer):
    if peer not in peers:
        return ""
    runs = peers[peer]
    if not runs:
        return "too noisy"
    least, most = spread(runs, "cpu_us")
    to_base = ratio(peers, peer, "cpu_us")
    shown = f"{number(median(runs, 'cpu_us'))} ({number(least)} to {number(most)})"
    return shown + (f", {to_base:.2f} x" if to_base else "")


def speed_cell(runs):
    if runs is None:
        return ""
    if not runs:
        return "too noisy"
    cell = (f"{number(median(runs, 'per_second'))}; {number(median(runs, 'p50_us'))} / "
            f"{number(median(runs, 'p99_us'))}")
    if any("p999_us" in run for run in runs):
        cell += f" / {number(median(runs, 'p999_us'))} / {number(median(runs, 'max_us'))}"
    failed = sum(run["failed"] for run in runs)
    return cell + (f"; **{failed} failed**" if failed else "")


def works_rows(results, peers, cell):
    titles = {work.name: work.title for work in WORKS}
    return [[titles[work], *(cell(results[work], peer) for peer in peers)]
            for work in titles if work in results]


def memory_rows(results, peers):
    starts = results["start"]

    def row(title, runs, key, scale=1.0):
        cells = []
        for peer in peers:
            value = median(runs.get(peer, []), key)
            cells.append("-" if value is None else f"{value * scale:.1f}")
        return [title, *cells]

    return [row("start to first answer, ms", starts, "start_s", 1e3),
            row("RSS idle, MiB", starts, "rss_idle_kib", 1 / 1024),
            *(row(f"RSS with {work.connections:,} in flight, MiB", results.get(work.name, {}),
                  "rss_in_flight_kib", 1 / 1024) for work in WORKS if work.name in IN_FLIGHT),
            row("KiB an idle connection", starts, "idle_connection_kib")]


def markdown(meta, results):
    peers = meta["peers"]
    lines = [f"Measured {meta['date']} at commit {meta['commit']} on {meta['cores']} cores of "
             f"{meta['processor']}, Linux {meta['kernel']}: medians of {meta['rounds']} rounds of "
             f"{meta['seconds']} s, interleaved. " + ", ".join(meta["versions"]) + "."]
    if meta["noisy"]:
        lines.append("**Other work was not looked at (--noisy): these figures are for trying.**")
    works = [work for work in results if work != "start"]
    if works:
        lines += ["", "CPU microseconds a request (least to most), ratio to nginx", ""]
        lines += table(["work", *peers], works_rows(results, peers, cpu_cell))
        lines += ["", "Requests a second; p50 / p99 in microseconds (at fixed moments also "
                  "p99.9 / most)", ""]
        lines += table(["work", *peers],
                       works_rows(results, peers, lambda by_peer, peer: speed_cell(by_peer.get(peer))))
    if "start" in results:
        lines += ["", *table(["", *peers], memory_rows(results, peers))]
    return "\n".join(lines) + "\n"
