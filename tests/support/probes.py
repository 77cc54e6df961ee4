# SPDX-License-Identifier: Apache-2.0
"""What is asked of abi_probe.so, the plugin that checks the host that it is loaded into."""
from berth_process import BUILD
from users import basic
from wire import Wire

PROBE = BUILD / "abi_probe.so"
BASE = "/_plugins/_abi_probe"


def signed(user):
    """Headers of a user of tests/api/security; None: of nobody."""
    return [f"Authorization: {basic(f'{user}:{user}')}"] if user else []


def report_of(berth, user=None):
    with Wire(berth) as wire:
        return wire.ask("GET", f"{BASE}/report", headers=signed(user)).json()


def results(report):
    return {check["name"]: check["result"] for check in report["checks"]}


def reasons(report, result):
    """{name: reason} of the checks with that result."""
    return {check["name"]: check["reason"] for check in report["checks"] if check["result"] == result}


def faults(report):
    return reasons(report, "failed")


def drive_peers(wire, node="-", user=None):
    """All that the checks of peers need a client for. node: the id of another one that is to answer; -: of none."""
    headers = signed(user)
    assert wire.ask("POST", f"{BASE}/peers", b"{}", headers).json() == {"peers": True}
    for asked in (node, "-"):
        path = f"{BASE}/forward/a%2Fb/{user or '-'}/{asked}?loud=a%20b&pretty"
        assert wire.ask("POST", path, b'{"a":1}', [*headers, "X-Probe: yes"]).json() == {"forwarded": asked != "-"}
    for path in ("inside", "silent"):
        assert wire.ask("POST", f"{BASE}/{path}", b'{"client":true}', headers).status == 403
