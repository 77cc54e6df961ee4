# SPDX-License-Identifier: Apache-2.0
"""Retries, as clients see them; how long the waits are is tested by the unit tests."""
import time

import pytest
from opensearchpy.exceptions import TransportError
from remote_service import Remote, RemoteService

THROTTLED = (400, {"x-amzn-ErrorType": "ThrottlingException"}, {"message": "slow down"})


def failing(status, headers=None):
    return (status, headers or {}, {"error": "for now"})


@pytest.fixture
def remote(berth):
    with Remote(berth) as remote:
        yield remote


def config(**members):
    return {"max_retry_times": 2, "retry_backoff_millis": 1, **members}


# client_config, what the service answers before it succeeds, whether the client sees the success,
# and how many requests come.
CASES = {
    "never without a number": (None, [failing(503)], False, 1),
    "never with 0": (config(max_retry_times=0), [failing(503)], False, 1),
    "once": (config(), [failing(503)], True, 2),
    "twice": (config(), [failing(429), failing(500)], True, 3),
    "not more often": (config(), [failing(502)] * 3, False, 3),
    "until it is too late": (config(max_retry_times=-1), [failing(504)] * 6, True, 7),
    "equal jitter": (config(retry_backoff_policy="exponential_equal_jitter"),
                     [failing(408), failing(503)], True, 3),
    "full jitter": (config(retry_backoff_policy="exponential_full_jitter"),
                    [failing(503), failing(503)], True, 3),
    "not 400": (config(), [failing(400)], False, 1),
    "not 501": (config(), [failing(501)], False, 1),
    "throttled": (config(), [THROTTLED], True, 2),
    "listed alone": (config(retry_status_codes=[529, 404]), [failing(529), failing(404)], True, 3),
    "not listed": (config(retry_status_codes=[529]), [failing(503)], False, 1),
    "throttled, not listed": (config(retry_status_codes=[529]), [THROTTLED], True, 2),
    "later than there is time": (config(retry_timeout_seconds=5),
                                 [failing(503, {"Retry-After": "6"})], False, 1),
    "no time": (config(retry_timeout_seconds=-1), [failing(503)], False, 1),
    "one at a time": (config(max_connection=1), [failing(503)], True, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_retries(remote, case):
    client_config, answers, succeeds, count = CASES[case]
    members = {"client_config": client_config} if client_config else {}
    with RemoteService() as service:
        service.script += answers
        model = remote.model(service.url + "/", **members)
        if succeeds:
            assert remote.ask(model) == {"ok": True}
        else:
            with pytest.raises(TransportError) as error:
                remote.ask(model)
            assert error.value.status_code == answers[-1][0]
        bodies = [service.requests.get(timeout=60).body for _ in range(count)]
        assert service.requests.empty()
        assert bodies == [b'{"text": "hello"}'] * count


def test_retry_after(remote):
    """The service's own time stands above the policy's."""
    with RemoteService() as service:
        service.script.append(failing(429, {"Retry-After": "1"}))
        model = remote.model(service.url + "/", client_config=config())
        begin = time.monotonic()
        assert remote.ask(model) == {"ok": True}
        assert time.monotonic() - begin >= 1


def test_refused_connection(remote):
    """Asked again until the time is over, and only where retries are wanted."""
    with RemoteService() as service:
        url = service.url
        service.server_close()
    model = remote.model(url + "/", client_config=config(retry_backoff_millis=300))
    begin = time.monotonic()
    with pytest.raises(TransportError) as error:
        remote.ask(model)
    assert error.value.status_code == 502
    assert time.monotonic() - begin >= 0.6
