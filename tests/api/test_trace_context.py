# SPDX-License-Identifier: Apache-2.0
"""traceparent and tracestate reach the remote service as the client sent them."""
import json

import pytest
from remote_service import Remote, RemoteService
from wire import Wire

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


@pytest.mark.parametrize("sent,came", [
    ([], (None, None)),
    (["traceparent: " + PARENT], (PARENT, None)),
    (["TraceParent: " + PARENT, "TraceState: " + STATE], (PARENT, STATE)),
    (["tracestate: " + STATE], (None, None)),
    (["traceparent: nonsense", "tracestate: " + STATE], (None, None)),
    (["traceparent: " + PARENT, "tracestate: " + "a" * 513], (PARENT, None)),
])
def test_passed_on(berth, sent, came):
    with RemoteService() as service, Remote(berth) as remote, Wire(berth) as wire:
        model = remote.model(service.url + "/", client_config={"max_retry_times": 1, "retry_backoff_millis": 1})
        service.script.append((503, {}, b"{}"))
        body = json.dumps({"parameters": {"text": "hi"}}).encode()
        assert wire.ask("POST", f"/_plugins/_ml/models/{model}/_predict", body, sent).status == 200
        for _ in range(2):
            headers = service.requests.get(timeout=60).headers
            assert (headers.get("traceparent"), headers.get("tracestate")) == came


def test_the_connectors_own_header_stays(berth):
    own = PARENT.replace("b7ad", "beef")
    with RemoteService() as service, Remote(berth) as remote, Wire(berth) as wire:
        connector = remote.body(service.url + "/")
        connector["actions"][0]["headers"] = {"Traceparent": own}
        made = remote.send("POST", "/_plugins/_ml/connectors/_create", body=connector)["connector_id"]
        body = json.dumps({"parameters": {"text": "hi"}}).encode()
        path = f"/_plugins/_ml/models/{remote.deploy(made)}/_predict"
        assert wire.ask("POST", path, body, ["traceparent: " + PARENT]).status == 200
        assert service.requests.get(timeout=60).headers.get_all("traceparent") == [own]
