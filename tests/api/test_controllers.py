# SPDX-License-Identifier: Apache-2.0
"""Controllers: limits of users, which are written, merged, shown, and go with their model."""
import pytest
from opensearchpy import ConflictError, NotFoundError, RequestError
from six_steps import PREFIX, Steps

LIMIT = {"limit": "2", "unit": "MINUTES"}


@pytest.fixture
def steps(start_berth, model_server):
    with Steps(start_berth(), model_server) as steps:
        yield steps


@pytest.fixture
def model(steps):
    return steps.deployed_model()


def ask(steps, method, model, body=None):
    return steps.client.transport.perform_request(method, f"/_plugins/_ml/controllers/{model}", body=body)


def of(**users):
    return {"user_rate_limiter": users}


def test_life_of_a_controller(steps, model):
    assert ask(steps, "POST", model, of(alice=LIMIT)) == {"model_id": model, "status": "CREATED"}
    assert ask(steps, "GET", model) == {"model_id": model, **of(alice=LIMIT)}
    assert ask(steps, "POST", model, of(bob=LIMIT)) == {"model_id": model, "status": "UPDATED"}
    assert ask(steps, "GET", model) == {"model_id": model, **of(bob=LIMIT)}
    changed = ask(steps, "PUT", model, of(carol=LIMIT, bob={"limit": 5}))
    assert (changed["_index"], changed["_id"], changed["result"]) == (".plugins-ml-controller", model, "updated")
    assert ask(steps, "GET", model)["user_rate_limiter"] == {"bob": {"limit": "5", "unit": "MINUTES"}, "carol": LIMIT}
    ask(steps, "PUT", model, of(bob=None))
    assert ask(steps, "GET", model)["user_rate_limiter"] == {"carol": LIMIT}
    assert ask(steps, "DELETE", model)["result"] == "deleted"
    with pytest.raises(NotFoundError):
        ask(steps, "GET", model)


def test_model_says_whether_it_has_one(steps, model):
    assert "is_controller_enabled" not in steps.ml.get_model(model_id=model)
    ask(steps, "POST", model, of(alice=LIMIT))
    assert steps.ml.get_model(model_id=model)["is_controller_enabled"] is True
    assert steps.ml.get_model(model_id=model)["model_state"] == "DEPLOYED"
    ask(steps, "DELETE", model)
    assert steps.ml.get_model(model_id=model)["is_controller_enabled"] is False


def test_without_users_nobody_is_limited(steps, model):
    ask(steps, "POST", model, of(alice={"limit": "0", "unit": "DAYS"}))
    for _ in range(3):
        steps.ask(model, "hello")


def test_goes_with_its_model(steps, model):
    ask(steps, "POST", model, of(alice=LIMIT))
    steps.ml.undeploy_model(model_id=model)
    steps.ml.delete_model(model_id=model)
    with pytest.raises(NotFoundError):
        ask(steps, "GET", model)


def test_of_a_model_that_is_not_there(steps):
    for method, body in (("POST", of(alice=LIMIT)), ("PUT", of(alice=LIMIT)), ("GET", None), ("DELETE", None)):
        with pytest.raises(NotFoundError) as refused:
            ask(steps, method, "absent", body)
        assert "[absent]" in str(refused.value)


def test_that_is_not_there(steps, model):
    with pytest.raises(ConflictError) as refused:
        ask(steps, "PUT", model, of(alice=LIMIT))
    assert "POST" in str(refused.value)
    for method in ("GET", "DELETE"):
        with pytest.raises(NotFoundError):
            ask(steps, method, model)


# What is refused, the type of the error, and a word that its reason must have.
BAD = {
    "no body": (None, "parse_exception", "body"),
    "no limits": ({}, "illegal_argument_exception", "user_rate_limiter"),
    "limits as a list": ({"user_rate_limiter": []}, "parsing_exception", "user_rate_limiter"),
    "a user's limit as a number": (of(alice=3), "parse_exception", "user_rate_limiter.alice"),
    "a user without limit": (of(alice=None), "parse_exception", "user_rate_limiter.alice"),
    "no number": (of(alice={"limit": "x", "unit": "DAYS"}), "parse_exception", "user_rate_limiter.alice.limit"),
    "below zero": (of(alice={"limit": -1, "unit": "DAYS"}), "parse_exception", "user_rate_limiter.alice.limit"),
    "no unit": (of(alice={"limit": 1, "unit": "days"}), "parse_exception", "user_rate_limiter.alice.unit"),
    "too many users": (of(**{f"u{i}": LIMIT for i in range(1001)}), "illegal_argument_exception", "1000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_bodies(steps, model, case):
    body, kind, word = BAD[case]
    with pytest.raises(RequestError) as refused:
        ask(steps, "POST", model, body)
    error = refused.value.info["error"]
    assert (refused.value.status_code, error["type"]) == (400, kind)
    assert word in error["reason"]
    with pytest.raises(NotFoundError):
        ask(steps, "GET", model)


def test_switched_off(steps, model):
    steps.client.cluster.put_settings(body={"transient": {PREFIX + "controller_enabled": False}})
    for method, body in (("POST", of(alice=LIMIT)), ("PUT", of(alice=LIMIT)), ("GET", None), ("DELETE", None)):
        with pytest.raises(RequestError) as refused:
            ask(steps, method, model, body)
        assert refused.value.info["error"]["type"] == "illegal_argument_exception"
        assert PREFIX + "controller_enabled" in refused.value.info["error"]["reason"]


def test_configuration(steps):
    get = steps.client.transport.perform_request
    with pytest.raises(NotFoundError) as absent:
        get("GET", "/_plugins/_ml/config/nothing")
    assert absent.value.info["error"]["type"] == "status_exception"
    for name in ("master_key", "master_key_of_a_tenant"):
        with pytest.raises(RequestError) as refused:
            get("GET", f"/_plugins/_ml/config/{name}")
        assert refused.value.info["error"]["type"] == "illegal_argument_exception"
