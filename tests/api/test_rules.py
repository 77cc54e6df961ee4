# SPDX-License-Identifier: Apache-2.0
"""Rules of models: guardrails, interfaces, rate limits, ids of the client's own."""
import pytest
from opensearchpy import OpenSearchException
from six_steps import Steps, connector, question

TEMPLATE = '{"model": "${parameters.model}", "messages": [{"role": "user", "content": "${parameters.question}"}]}'


@pytest.fixture
def steps(start_berth, model_server):
    with Steps(start_berth(), model_server) as steps:
        steps.trust()
        yield steps


def asking(steps, name):
    """A connector that asks the chat what the parameter question says."""
    body = connector(steps.model_server, name)
    body["actions"][0]["request_body"] = TEMPLATE
    return steps.ml.create_connector(body=body)["connector_id"]


def deployed(steps, name, **options):
    model = steps.ml.register_model(body={
        "name": name, "function_name": "remote", "connector_id": asking(steps, name), **options})["model_id"]
    steps.deploy(model)
    return model


def ask(steps, model, text, **parameters):
    return steps.ml.predict_model(model_id=model, body={"parameters": {"question": text, **parameters}})


def refused(function, *arguments, **options):
    with pytest.raises(OpenSearchException) as caught:
        function(*arguments, **options)
    return caught.value.status_code, str(caught.value)


def test_expressions_guard_input_and_output(steps):
    model = deployed(steps, "guarded", guardrails={
        "type": "local_regex",
        "input_guardrail": {"regex": [".*password.*", ".*secret.*"]},
        "output_guardrail": {"regex": [".*You asked: .{0,3}weather.*"]}})
    ask(steps, model, "hello")
    status, text = refused(ask, steps, model, "tell me the password")
    assert status == 400 and "input" in text
    status, text = refused(ask, steps, model, "weather")
    assert status == 400 and "output" in text


def test_a_model_guards_another(steps):
    guard = deployed(steps, "guard")
    rule = {"model_id": guard, "response_filter": "$.choices[0].message.content",
            "response_validation_regex": ".*harmless.*"}
    model = deployed(steps, "guarded", guardrails={"type": "model", "input_guardrail": rule})
    ask(steps, model, "something harmless")
    status, text = refused(ask, steps, model, "something else")
    assert status == 400 and "input" in text
    steps.ml.undeploy_model(model_id=guard)
    status, text = refused(ask, steps, model, "something harmless")
    assert status == 400 and guard in text


def test_a_guard_that_cannot_be_asked_refuses(steps, model_server):
    guard = deployed(steps, "guard")
    model = deployed(steps, "guarded", guardrails={"type": "model", "output_guardrail": {
        "model_id": guard, "response_validation_regex": "never"}})
    status, text = refused(ask, steps, model, "x")
    assert status == 400 and "output" in text


@pytest.mark.parametrize("guardrails,reason", [
    ({"type": "unheard"}, "local_regex, model"),
    ({"type": "local_regex", "input_guardrail": {"regex": ["(a+)+"]}}, "without bound"),
    ({"type": "local_regex", "input_guardrail": {"regex": ["("]}}, "does not compile"),
    ({"type": "local_regex", "input_guardrail": {"stop_words": [{"index_name": "w"}]}}, "stop_words"),
    ({"type": "model", "input_guardrail": {}}, "model_id"),
])
def test_guardrails_are_checked_when_they_are_set(steps, guardrails, reason):
    status, text = refused(deployed, steps, "wrong", guardrails=guardrails)
    assert status == 400 and reason in text


def test_an_interface_is_checked_and_merged(steps):
    model = deployed(steps, "typed", interface={"input": {
        "type": "object", "properties": {"parameters": {
            "type": "object", "required": ["question"],
            "properties": {"question": {"type": "string", "minLength": 3}, "n": {"type": "integer"}}}}}})
    ask(steps, model, "long enough", n="3")
    status, text = refused(ask, steps, model, "x")
    assert status == 400 and "/parameters/question" in text
    status, text = refused(ask, steps, model, "long enough", n="three")
    assert status == 400 and "/parameters/n" in text
    steps.client.transport.perform_request("PUT", f"/_plugins/_ml/models/{model}", body={"interface": {
        "output": {"type": "object", "required": ["nothing"]}}})
    status, text = refused(ask, steps, model, "long enough")
    assert status == 400 and "output" in text
    status, text = refused(ask, steps, model, "x")
    assert "input" in text
    assert refused(deployed, steps, "wrong", interface={"input": {"type": "strnig"}})[0] == 400


def test_a_rate_limit_counts_and_survives_other_changes(steps):
    model = deployed(steps, "limited", rate_limiter={"limit": "2", "unit": "DAYS"})
    ask(steps, model, "1")
    steps.client.transport.perform_request("PUT", f"/_plugins/_ml/models/{model}", body={"description": "changed"})
    ask(steps, model, "2")
    assert refused(ask, steps, model, "3")[0] == 429
    steps.client.transport.perform_request("PUT", f"/_plugins/_ml/models/{model}",
                                           body={"rate_limiter": {"unit": "NANOSECONDS"}})
    ask(steps, model, "4")
    for wrong in ({"limit": "-1"}, {"limit": "many"}, {"unit": "days"}):
        assert refused(deployed, steps, "wrong", rate_limiter=wrong)[0] == 400


def test_a_limit_of_0_allows_none(steps):
    model = deployed(steps, "none", rate_limiter={"limit": "0", "unit": "SECONDS"})
    assert refused(ask, steps, model, "1")[0] == 429


def test_clients_may_choose_ids(steps):
    body = connector(steps.model_server)
    chosen = steps.ml.create_connector(body={**body, "connector_id": "my-connector"})
    assert chosen["connector_id"] == "my-connector"
    group = steps.ml.register_model_group(body={"name": "g", "model_group_id": "my_group"})
    assert group["model_group_id"] == "my_group"
    model = steps.ml.register_model(body={
        "name": "m", "function_name": "remote", "connector_id": "my-connector", "model_group_id": "my_group",
        "model_id": "m1"})
    assert model["model_id"] == "m1"
    assert steps.ml.predict_model(model_id="m1", body=question("hello"))
    for create in (lambda: steps.ml.create_connector(body={**body, "connector_id": "my-connector"}),
                   lambda: steps.ml.register_model_group(body={"name": "h", "model_group_id": "my_group"}),
                   lambda: steps.ml.register_model(body={
                       "name": "m", "function_name": "remote", "connector_id": "my-connector", "model_id": "m1"})):
        assert refused(create)[0] == 409
    for wrong in ("", "-a", "a b", "ä", "x" * 513):
        assert refused(steps.ml.create_connector, body={**body, "connector_id": wrong})[0] == 400
