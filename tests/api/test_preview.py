# SPDX-License-Identifier: Apache-2.0
"""Previews: the very request that a prediction sends, what made it, and never a credential."""
import json

import pytest
from opensearchpy import NotFoundError, RequestError
from six_steps import Steps, connector, question

ML = "/_plugins/_ml"


@pytest.fixture
def steps(start_berth, model_server):
    with Steps(start_berth(), model_server) as steps:
        steps.trust()
        yield steps


def preview(steps, kind, name, body):
    answer = steps.client.transport.perform_request("POST", f"{ML}/{kind}/{name}/_preview", body=body)
    assert steps.model_server.key not in json.dumps(answer)
    return answer


def make(steps, **changes):
    """A connector; changes go into its action, but for those of the connector itself."""
    body = connector(steps.model_server)
    for name in ("parameters", "protocol", "credential"):
        if name in changes:
            body[name] = changes.pop(name)
    body["actions"][0].update(changes)
    return steps.ml.create_connector(body=body)["connector_id"]


def only(answer):
    (request,) = answer["requests"]
    return request


def requests_of(server):
    found = []
    while not server.requests.empty():
        found.append(server.requests.get())
    return found


def test_is_what_a_prediction_sends(steps, model_server):
    """The body that the service gets is, to the byte, the one that was shown."""
    model = steps.deployed_model()
    shown = preview(steps, "models", model, question("hello"))
    assert shown["would_send"] is True and "error" not in shown
    assert requests_of(model_server) == []
    request = only(shown)
    assert request["method"] == "POST"
    assert request["url"] == f"{model_server.url}/v1/chat/completions"
    assert request["headers"] == {"Authorization": "Bearer ***", "Content-Type": "application/json"}
    steps.ask(model, "hello")
    (sent,) = requests_of(model_server)
    assert (sent[0], model_server.url + sent[1], sent[2]) == (request["method"], request["url"], request["body"].encode())


def test_of_a_model_that_is_not_deployed(steps, model_server):
    model = steps.register_model(steps.register_group(), steps.create_connector())["model_id"]
    assert preview(steps, "models", model, question("hello"))["would_send"] is True
    assert steps.ml.get_model(model_id=model)["model_state"] == "REGISTERED"
    assert requests_of(model_server) == []


def test_tells_where_parameters_come_from(steps):
    made = make(steps, parameters={"model": "own", "top": "7"},
                request_body='{"m":"${parameters.model}","t":"${parameters.top}","q":"${parameters.q:-none}",'
                             '"n":"${parameters.n:-null}"}')
    request = only(preview(steps, "connectors", made, {"parameters": {"model": "sent"}}))
    assert request["body"] == '{"m":"sent","t":"7","q":"none","n":null}'
    found = {p["name"]: (p["from"], p["value"]) for p in request["steps"]["parameters"]}
    assert found == {"model": ("request", "sent"), "top": ("connector", "7")}
    assert request["steps"]["pre_process"] is None
    assert request["steps"]["substitution"]["request_body"] == {
        "filled": [{"name": "model", "from": "request"}, {"name": "top", "from": "connector"}],
        "defaults": [{"name": "q", "value": "none"}, {"name": "n", "value": "null"}], "missing": []}
    assert request["steps"]["substitution"]["url"] == {"filled": [], "defaults": [], "missing": []}


def test_tells_what_pre_processing_made(steps):
    made = make(steps, request_body='{"input": ${parameters.input}}',
                pre_process_function="connector.pre_process.openai.embedding",
                parameters={"input_docs_processed_step_size": "2"})
    shown = preview(steps, "connectors", made, {"text_docs": ["a", "b", "c"]})
    assert [json.loads(request["body"]) for request in shown["requests"]] == [{"input": ["a", "b"]}, {"input": ["c"]}]
    assert [request["steps"]["pre_process"] for request in shown["requests"]] == [
        {"function": "connector.pre_process.openai.embedding", "made": {"input": docs}} for docs in (["a", "b"], ["c"])]


def test_tells_what_is_missing(steps):
    made = make(steps, request_body='{"a":"${parameters.a}","b":"${parameters.b}"}')
    shown = preview(steps, "connectors", made, {"parameters": {"a": "1"}})
    assert shown["would_send"] is False
    assert shown["error"]["status"] == 400 and "[b]" in shown["error"]["reason"]
    assert only(shown)["steps"]["substitution"]["request_body"]["missing"] == ["b"]


def test_tells_which_expression_trusts_the_url(steps, model_server):
    made = make(steps, url=model_server.url + "/${parameters.path:-v1}")
    trust = only(preview(steps, "connectors", made, question("x")))["steps"]["trust"]
    assert trust["trusted"] is True and trust["expression"].startswith("^http")
    elsewhere = make(steps, url="${parameters.base}/v1", parameters={"base": model_server.url}, request_body="{}")
    shown = preview(steps, "connectors", elsewhere, {"parameters": {"base": "http://evil.test"}})
    assert shown["would_send"] is False and "not trusted" in shown["error"]["reason"]
    assert only(shown)["url"] == "http://evil.test/v1"
    assert only(shown)["steps"]["trust"] == {"trusted": False}


@pytest.mark.parametrize("headers", [
    {"Authorization": "Bearer ${credential.key}"},
    {"X-Anything": "${credential.key}"},
    {"X-Anything": "a${credential.key}b", "Cookie": "k=${credential.key}; b=1"},
])
def test_shows_no_credential_in_headers(steps, headers):
    request = only(preview(steps, "connectors", make(steps, headers=headers), question("x")))
    assert set(headers) <= set(request["headers"])
    assert all("***" in request["headers"][name] for name in headers)


def test_shows_no_secret_that_was_written_out(steps):
    made = make(steps, headers={"Authorization": "Bearer written-out", "x-api-key": "written-out", "X-Other": "seen"})
    request = only(preview(steps, "connectors", made, question("x")))
    assert request["headers"] == {"Authorization": "Bearer ***", "x-api-key": "***", "X-Other": "seen",
                                  "Content-Type": "application/json"}


def test_credentials_of_templates_stay_templates(steps):
    made = make(steps, request_body='{"k":"${credential.key}"}')
    assert only(preview(steps, "connectors", made, {"parameters": {}}))["body"] == '{"k":"${credential.key}"}'


def test_of_a_signed_request(steps):
    made = make(steps, protocol="aws_sigv4", parameters={"region": "us-east-1", "service_name": "bedrock"},
                credential={"access_key": "AKIDEXAMPLE0123456", "secret_key": steps.model_server.key,
                            "session_token": "token-0123456789"}, headers={}, request_body="{}")
    answer = preview(steps, "connectors", made, {"parameters": {}})
    headers = only(answer)["headers"]
    assert headers["Authorization"] == "AWS4-HMAC-SHA256 ***"
    assert "AKIDEXAMPLE" not in json.dumps(answer) and "token-0123" not in json.dumps(answer)
    assert any(name.lower() == "x-amz-date" for name in headers)


def test_what_cannot_be_previewed(steps):
    made = make(steps)
    for kind, name, body, status in (
            ("connectors", "absent", question("x"), 404), ("models", "absent", question("x"), 404),
            ("connectors", made, None, 400), ("connectors", made, {"text": 1}, 400)):
        with pytest.raises((NotFoundError, RequestError)) as refused:
            preview(steps, kind, name, body)
        assert refused.value.status_code == status
