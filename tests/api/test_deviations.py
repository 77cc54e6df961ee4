# SPDX-License-Identifier: Apache-2.0
"""Where Berth answers otherwise than ML Commons 2.19, on purpose: docs/api/deviations.md."""
import gzip
import json
import socket
import zlib

import pytest
from opensearchpy.exceptions import TransportError
from remote_service import Remote, RemoteService
from six_steps import PREFIX
from wire import Wire, request

PARAMETERS = {"parameters": {"text": "hello"}}


@pytest.fixture
def remote(berth):
    with Remote(berth) as remote:
        yield remote


@pytest.fixture
def service():
    with RemoteService() as service:
        yield service


def refused(function, *arguments, status, kind="status_exception", **options):
    """The reason with which something is refused."""
    with pytest.raises(TransportError) as error:
        function(*arguments, **options)
    assert error.value.status_code == status, error.value.info
    assert error.value.info["error"]["type"] == kind, error.value.info
    return error.value.info["error"]["reason"]


def predict(remote, model, **parameters):
    return remote.send("POST", f"/_plugins/_ml/models/{model}/_predict",
                       body={"parameters": {"text": "hello", **parameters}})


def output(answer):
    return answer["inference_results"][0]["output"][0]["dataAsMap"]


# ---- a client's mistake is told as one ----

MISTAKES = {
    "no such model": ("GET", "/_plugins/_ml/models/none", None, 404, "status_exception"),
    "no such connector": ("GET", "/_plugins/_ml/connectors/none", None, 404, "status_exception"),
    "no such group": ("GET", "/_plugins/_ml/model_groups/none", None, 404, "status_exception"),
    "no such task": ("GET", "/_plugins/_ml/tasks/none", None, 404, "status_exception"),
    "predict of none": ("POST", "/_plugins/_ml/models/none/_predict", PARAMETERS, 404,
                        "status_exception"),
    "deploy of none": ("POST", "/_plugins/_ml/models/none/_deploy", None, 404, "status_exception"),
    "a model of no kind": ("POST", "/_plugins/_ml/models/_register", {"name": "m"}, 400,
                           "illegal_argument_exception"),
    "a connector of nothing": ("POST", "/_plugins/_ml/connectors/_create", {"name": "c"}, 400,
                               "illegal_argument_exception"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_the_client_s(remote, case):
    method, path, body, status, kind = MISTAKES[case]
    assert refused(remote.send, method, path, body=body, status=status, kind=kind)


def test_what_a_setting_switched_off(remote):
    setting = PREFIX + "remote_inference.enabled"
    remote.send("PUT", "/_cluster/settings", body={"persistent": {setting: False}})
    try:
        assert setting in refused(remote.create, "http://127.0.0.1:1/", status=400)
    finally:
        remote.send("PUT", "/_cluster/settings", body={"persistent": {setting: None}})


def test_check_before_a_prediction_tells_its_own_status(remote, service):
    """Not deployed and not to be deployed: what is wrong is said, instead of 404."""
    model = remote.model(service.url + "/")
    remote.send("PUT", f"/_plugins/_ml/models/{model}", body={"is_enabled": False})
    assert "is_enabled" in refused(predict, remote, model, status=403)


# ---- the remote service ----

def test_no_connection(remote):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        model = remote.model(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        assert "takes no connection" in refused(predict, remote, model, status=502)
    model = remote.model("http://nowhere.invalid/")
    assert "does not resolve" in refused(predict, remote, model, status=502)


def test_time_out(remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/", client_config={"read_timeout": 1})
        assert "in time" in refused(predict, remote, model, status=504)
        service.gate.release()


@pytest.mark.parametrize("status", [400, 401, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("body", [b"", b'{"error": "the quota of today"}', b"x" * 5000])
def test_refusals_keep_their_status(remote, service, status, body):
    service.script.append((status, {}, body))
    reason = refused(predict, remote, remote.model(service.url + "/"), status=status)
    assert str(status) in reason and len(reason) < 1000
    assert "quota" in reason or b"quota" not in body


def test_redirects_are_not_followed(remote, service):
    service.script.append((302, {"Location": "http://elsewhere.example:8080/x?secret"}, b""))
    reason = refused(predict, remote, remote.model(service.url + "/"), status=502)
    assert "302" in reason and "elsewhere.example:8080" in reason and "secret" not in reason


VALUES = {"text": b'"hello"', "number": b"1", "boolean": b"true", "nothing": b"null",
          "list": b"[1,2]"}


@pytest.mark.parametrize("case", VALUES)
def test_answers_of_every_kind(remote, service, case):
    service.script.append((200, {}, VALUES[case]))
    seen = output(predict(remote, remote.model(service.url + "/")))
    assert seen == {"response": json.loads(VALUES[case])}


def test_answers_that_are_no_json(remote, service):
    service.script.append((200, {"Content-Type": "text/plain"}, "grüß \"dich\"\n".encode()))
    seen = output(predict(remote, remote.model(service.url + "/")))
    assert seen["response"].strip() == 'grüß "dich"'


BROKEN = {"empty": b"", "blank": b"  \n", "cut off": b'{"a": [1,', "two": b"{} {}"}


@pytest.mark.parametrize("case", BROKEN)
def test_answers_that_are_broken(remote, service, case):
    service.script.append((200, {}, BROKEN[case]))
    assert refused(predict, remote, remote.model(service.url + "/"), status=502)


@pytest.mark.parametrize("name,pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed_answers(remote, service, name, pack):
    service.script.append((200, {"Content-Encoding": name}, pack(b'{"packed": true}')))
    assert output(predict(remote, remote.model(service.url + "/"))) == {"packed": True}


def test_a_filter_that_finds_nothing(remote, service):
    service.script.append((200, {}, {"a": 1}))
    model = remote.model(service.url + "/", parameters={"response_filter": "$.b.c"})
    assert output(predict(remote, model)) == {"a": 1}


def test_numbers_stay_as_they_were(berth, remote, service):
    numbers = b'{"n":[1,1.0,1e2,0.10,12345678901234567890,1E400]}'
    service.script.append((200, {}, numbers))
    model = remote.model(service.url + "/")
    with Wire(berth) as wire:
        wire.send(request("POST", f"/_plugins/_ml/models/{model}/_predict",
                          json.dumps(PARAMETERS).encode()))
        assert numbers in wire.read().body


# ---- what is sent ----

def test_only_what_json_requires_is_escaped(remote, service):
    text = 'a/b ü 日 "quoted" \\ \n\t'
    predict(remote, remote.model(service.url + "/"), text=text)
    body = service.requests.get(timeout=60).body
    assert json.loads(body)["text"] == text
    assert "a/b ü 日".encode() in body and b"\\u" not in body


def test_values_in_urls(remote, service):
    model = remote.model(service.url + "/v1/${parameters.path}")
    predict(remote, model, path="a/b-c_d")
    assert service.requests.get(timeout=60).path == "/v1/a/b-c_d"
    predict(remote, model, path="ä b")
    assert service.requests.get(timeout=60).path == "/v1/%C3%A4%20b"


def test_urls_are_trusted_at_every_prediction(berth, service):
    only = f"^{service.url.replace('.', '[.]')}/v1/.*$"
    with Remote(berth, trusted=[only]) as remote:
        model = remote.model(service.url + "/v1/${parameters.path}")
        predict(remote, model, path="fine")
        assert service.requests.get(timeout=60)
        remote.send("PUT", "/_cluster/settings",
                    body={"persistent": {PREFIX + "trusted_connector_endpoints_regex": ["^x$"]}})
        reason = refused(predict, remote, model, path="fine", status=400,
                         kind="illegal_argument_exception")
        assert "trusted" in reason and service.requests.empty()


@pytest.mark.parametrize("expression", ["(", "^http://" + "a" * 256, "^(a+)+$", "(a*)*b"])
def test_expressions_that_could_run_away(remote, expression):
    refused(remote.send, "PUT", "/_cluster/settings", status=400, kind="illegal_argument_exception",
            body={"persistent": {PREFIX + "trusted_connector_endpoints_regex": [expression]}})


def test_text_between_quotes_is_text(remote, service):
    predict(remote, remote.model(service.url + "/"), text='{"injected": true}')
    assert json.loads(service.requests.get(timeout=60).body) == {"text": '{"injected": true}'}


def test_values_are_never_scanned(remote, service):
    model = remote.model(service.url + "/", parameters={"own": "secret of the author"})
    predict(remote, model, text="${parameters.own} ${credential.key}")
    assert json.loads(service.requests.get(timeout=60).body)["text"] == \
        "${parameters.own} ${credential.key}"


def test_the_author_s_own_values_are_templates(remote, service):
    model = remote.model(service.url + "/", parameters={"text": "<${parameters.name}>",
                                                        "name": 'O"Neill'})
    remote.send("POST", f"/_plugins/_ml/models/{model}/_predict", body={"parameters": {}})
    assert json.loads(service.requests.get(timeout=60).body)["text"] == '<O"Neill>'
    reason = refused(remote.create, service.url + "/", status=400,
                     kind="illegal_argument_exception",
                     parameters={"text": "${parameters.name}", "name": "${parameters.text}"})
    assert "circle" in reason or "itself" in reason


def test_credentials_stay_in_headers(remote, service):
    body = remote.body(service.url + "/", credential={"key": "sk-0123456789"})
    body["actions"][0]["request_body"] = '{"text": "${credential.key}"}'
    made = remote.send("POST", "/_plugins/_ml/connectors/_create", body=body)["connector_id"]
    predict(remote, remote.deploy(made))
    assert b"sk-0123456789" not in service.requests.get(timeout=60).body


# ---- the rest ----

def test_retries_where_they_are_wanted(remote, service):
    service.script += [(503, {}, b""), (200, {}, {"ok": 1})]
    once = remote.model(service.url + "/")
    refused(predict, remote, once, status=503)
    service.script.insert(0, (503, {}, b""))
    again = remote.model(service.url + "/", client_config={"max_retry_times": 1,
                                                           "retry_backoff_millis": 1})
    assert output(predict(remote, again)) == {"ok": 1}


def test_a_limit_of_zero(remote, service):
    model = remote.model(service.url + "/")
    remote.send("PUT", f"/_plugins/_ml/models/{model}",
                body={"rate_limiter": {"limit": "0", "unit": "MINUTES"}})
    remote.send("POST", f"/_plugins/_ml/models/{model}/_deploy")
    refused(predict, remote, model, status=429)


def test_null_removes_from_a_connector(remote):
    made = remote.create("http://127.0.0.1:1/", parameters={"a": "1", "b": "2"}, description="d")
    remote.send("PUT", f"/_plugins/_ml/connectors/{made}",
                body={"parameters": {"a": None}, "description": None})
    seen = remote.get(made)
    assert seen["parameters"] == {"b": "2"} and "description" not in seen
    remote.send("PUT", f"/_plugins/_ml/connectors/{made}", body={"parameters": None})
    assert not remote.get(made).get("parameters")


def test_unknown_access_mode(remote):
    refused(remote.create, "http://127.0.0.1:1/", access_mode="nonsense", status=400,
            kind="illegal_argument_exception")


def test_scripts_are_refused_when_they_come(remote):
    body = remote.body("http://127.0.0.1:1/")
    body["actions"][0]["pre_process_function"] = "return params.text_docs[0] + 'x';"
    reason = refused(remote.send, "POST", "/_plugins/_ml/connectors/_create", body=body,
                     status=400, kind="illegal_argument_exception")
    assert "connector.pre_process.openai.embedding" in reason


def test_private_addresses_of_every_kind(berth):
    with Remote(berth, private=False) as remote:
        for host in ("127.0.0.1", "10.1.2.3", "100.64.0.1", "0.0.0.0", "169.254.169.254", "[fc00::1]",
                     "[fe80::1]", "[::ffff:10.0.0.1]", "[::1]"):
            model = remote.model(f"http://{host}:1/")
            assert "private" in refused(predict, remote, model, status=400,
                                        kind="illegal_argument_exception"), host
