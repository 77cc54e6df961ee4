# SPDX-License-Identifier: Apache-2.0
"""Limits on what is under way, queues, circuit breakers and retry budgets."""
import contextlib
import json

import pytest
from remote_service import Remote, RemoteService
from six_steps import PREFIX
from wire import Wire, request

REMOTE = PREFIX + "remote."
LIMITS = {  # setting: status, whether it holds for other models, for another service
    "max_in_flight_per_model": (429, False, False),
    "max_in_flight_per_service": (503, True, False),
    "max_in_flight": (503, True, True),
}


@pytest.fixture
def remote(start_berth):
    with Remote(start_berth()) as remote:
        yield remote


def settings(remote, **values):
    remote.send("PUT", "/_cluster/settings", body={"persistent": {
        REMOTE + key.replace("breaker_", "circuit_breaker."): value for key, value in values.items()}})


class Asker:
    """A prediction on a connection of its own; its answer is read later."""

    def __init__(self, remote, model, text="hi"):
        self.wire = Wire(remote.berth)
        body = json.dumps({"parameters": {"text": text}}).encode()
        self.wire.send(request("POST", f"/_plugins/_ml/models/{model}/_predict", body))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def answer(self):
        return self.wire.read()


def ask(remote, model):
    with Asker(remote, model) as asker:
        return asker.answer()


def assert_refused(answer, status, *words, seconds=range(1, 2)):
    assert answer.status == status, answer.body
    assert int(answer.headers["retry-after"]) in seconds
    assert answer.json()["error"]["type"] == "status_exception"
    for word in words:
        assert word in answer.json()["error"]["reason"]


def metric(remote, name, **labels):
    """The value of a sample, whose labels are those and others."""
    text = remote.send("GET", "/_berth/metrics")
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    found = [line.rsplit(" ", 1)[1] for line in text.splitlines()
             if line.split("{")[0].split(" ")[0] == name and all(part in line for part in wanted)]
    assert len(found) == 1, (name, labels, found)
    return float(found[0])


@pytest.mark.parametrize("limit", LIMITS)
def test_limit(remote, limit):
    status, others, elsewhere = LIMITS[limit]
    with RemoteService(is_open=False) as service, RemoteService() as second:
        model, sibling = remote.model(service.url + "/a"), remote.model(service.url + "/b")
        stranger = remote.model(second.url + "/")
        settings(remote, **{limit: 1})
        with Asker(remote, model) as first:
            service.requests.get(timeout=60)
            assert_refused(ask(remote, model), status, REMOTE + limit, "1 exchanges")
            assert ask(remote, stranger).status == (status if elsewhere else 200)
            with Asker(remote, sibling) as other:
                if others:
                    assert_refused(other.answer(), status, REMOTE + limit)
                service.gate.release(2)
                assert others or other.answer().status == 200
            assert first.answer().status == 200
        service.gate.release(1)
        assert ask(remote, model).status == 200


@pytest.mark.parametrize("limit", LIMITS)
def test_queue(remote, limit):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        settings(remote, **{limit: 1}, queue_ms=60000, queue_size=2)
        with contextlib.ExitStack() as stack:
            askers = [stack.enter_context(Asker(remote, model, str(i))) for i in range(4)]
            came = service.requests.get(timeout=60)
            # Two wait, and one of the four is too many, whichever that is.
            service.gate.release(3)
            answers = [asker.answer() for asker in askers]
        assert sorted(answer.status for answer in answers) == [200, 200, 200, LIMITS[limit][0]]
        assert service.most == 1
        assert json.loads(came.body)["text"] in "0123"


@pytest.mark.parametrize("limit", LIMITS)
def test_queue_that_is_too_slow(remote, limit):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        settings(remote, **{limit: 1}, queue_ms=20)
        with Asker(remote, model) as first:
            service.requests.get(timeout=60)
            assert_refused(ask(remote, model), LIMITS[limit][0], REMOTE + limit)
            service.gate.release(1)
            assert first.answer().status == 200


def test_client_that_leaves_the_queue(remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        settings(remote, max_in_flight=1, max_in_flight_per_model=1, max_in_flight_per_service=1,
                 queue_ms=60000)
        with Asker(remote, model) as first:
            service.requests.get(timeout=60)
            with Asker(remote, model):
                pass
            service.gate.release(10)
            assert first.answer().status == 200
        for _ in range(3):
            assert ask(remote, model).status == 200


def rate_limited(remote, url, limit, unit):
    model = remote.model(url)
    remote.send("PUT", f"/_plugins/_ml/models/{model}",
                body={"rate_limiter": {"limit": str(limit), "unit": unit}})
    return model


def test_rate_limit_tells_when(remote):
    with RemoteService() as service:
        model = rate_limited(remote, service.url + "/", 2, "MINUTES")
        assert [ask(remote, model).status for _ in range(2)] == [200, 200]
        assert_refused(ask(remote, model), 429, "rate limiter", seconds=range(20, 31))


def test_rate_limit_with_a_queue(remote):
    with RemoteService() as service:
        model = rate_limited(remote, service.url + "/", 20, "SECONDS")
        settings(remote, queue_ms=60000)
        with contextlib.ExitStack() as stack:
            askers = [stack.enter_context(Asker(remote, model)) for _ in range(40)]
            assert {asker.answer().status for asker in askers} == {200}
        settings(remote, queue_ms=60000, queue_size=0)
        slow = rate_limited(remote, service.url + "/", 1, "HOURS")
        assert [ask(remote, slow).status for _ in range(2)] == [200, 429]


def test_client_that_leaves_while_it_waits_for_a_token(remote):
    with RemoteService() as service:
        model = rate_limited(remote, service.url + "/", 1, "HOURS")
        settings(remote, queue_ms=600000)
        assert ask(remote, model).status == 200
        assert_refused(ask(remote, model), 429, "rate limiter", seconds=range(3500, 3601))
        model = rate_limited(remote, service.url + "/", 1, "MINUTES")
        settings(remote, queue_ms=600000)
        assert ask(remote, model).status == 200
        with Asker(remote, model):
            pass
    remote.berth.stop()


BREAKS = [(503, {}, b"{}"), (502, {}, b"{}"), (504, {}, b"{}")]


def test_circuit_breaker(remote):
    with RemoteService() as service:
        model, sibling = remote.model(service.url + "/"), remote.model(service.url + "/sibling")
        settings(remote, breaker_minimum_exchanges=3, breaker_open_time="1h")
        service.script[:] = BREAKS
        assert [ask(remote, model).status for _ in BREAKS] == [503, 502, 504]
        for each in (model, sibling, model):
            assert_refused(ask(remote, each), 503, "not asked for the moment", "127.0.0.1",
                           "circuit_breaker", seconds=range(3590, 3601))
        assert service.requests.qsize() == 3
        assert "circuit_opened" in remote.berth.log
        origin = service.url
        assert metric(remote, "ml_remote_service_circuit_open", service=origin) == 1
        assert metric(remote, "ml_remote_service_refused_total", service=origin) == 3
        assert metric(remote, "ml_remote_service_failures_total", service=origin) == 3


def test_circuit_closes_again(remote):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        settings(remote, breaker_minimum_exchanges=3, breaker_open_time="1ms")
        service.script[:] = BREAKS
        assert [ask(remote, model).status for _ in BREAKS] == [503, 502, 504]
        statuses = [503]
        while statuses[-1] != 200:  # until the millisecond is over
            statuses.append(ask(remote, model).status)
        assert set(statuses) == {503, 200}
        assert [ask(remote, model).status for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("answer", [(500, {}, b"{}"), (429, {}, b"{}"), (404, {}, b"{}"), (200, {}, b"no JSON")])
def test_what_is_no_failure_of_the_service(remote, answer):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        settings(remote, breaker_minimum_exchanges=3, breaker_open_time="1h")
        service.script[:] = [answer] * 6
        for _ in range(7):
            ask(remote, model)
        assert service.requests.qsize() == 7


def test_services_that_cannot_be_reached(remote):
    model = remote.model("http://127.0.0.1:1/")
    settings(remote, breaker_minimum_exchanges=3, breaker_open_time="1h")
    assert [ask(remote, model).status for _ in range(3)] == [502] * 3
    assert_refused(ask(remote, model), 503, "127.0.0.1:1", seconds=range(3590, 3601))
    settings(remote, breaker_failure_percent=0, breaker_open_time="1ms")


def test_retry_budget(remote):
    with RemoteService() as service:
        model = remote.model(service.url + "/", client_config={
            "max_retry_times": 1, "retry_backoff_millis": 1, "retry_backoff_policy": "constant"})
        settings(remote, breaker_failure_percent=0, retry_budget_percent=0, breaker_window="1h")
        service.otherwise = (503, {}, b"{}")
        for _ in range(105):
            assert ask(remote, model).status == 503
        assert service.requests.qsize() == 105 + 100
        assert metric(remote, "ml_remote_service_retries_total", service=service.url) == 100
        assert metric(remote, "ml_remote_service_retries_refused_total", service=service.url) == 5
