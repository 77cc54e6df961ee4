# SPDX-License-Identifier: Apache-2.0
"""What ml_remote knows and has not stored goes over to the generation that takes its place."""
import pytest
from berth_process import BUILD
from reloads import compile_candidate, generations, other_version, predict, reload
from remote_service import Remote, RemoteService
from six_steps import PREFIX
from wire import Wire


@pytest.fixture
def remote(start_berth):
    with Remote(start_berth()) as remote:
        yield remote


def figures(remote):
    """{name and labels: value} of ml_remote's metrics."""
    lines = remote.send("GET", "/_berth/metrics").splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines
            if line.startswith("ml_remote_")}


def counts(remote, model):
    node = next(iter(remote.send("GET", "/_plugins/_ml/stats")["nodes"].values()))
    return (node["ml_request_count"], node["ml_failure_count"],
            node["models"][model]["predict"]["ml_action_request_count"])


def ask(remote, model):
    with Wire(remote.berth) as wire:
        wire.send(predict(model))
        return wire.read()


def test_what_was_counted(remote):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        for _ in range(5):
            remote.ask(model)
        service.script[:] = [(500, {}, b"{}")]
        assert ask(remote, model).status == 500
        before, told = figures(remote), counts(remote, model)
        said = reload(remote.berth).json()
        assert said["state"]["handed_over"] and said["state"]["bytes"] > 100
        assert counts(remote, model) == told
        after = figures(remote)
        grows = {key for key in before if "_total" in key or "_bucket" in key or "_count" in key}
        assert grows and {key: after.get(key) for key in grows} == {key: before[key] for key in grows}
        profile = remote.send("GET", f"/_plugins/_ml/profile/models/{model}")
        node = next(iter(profile["nodes"].values()))
        assert node["models"][model]["predict_request_stats"]["count"] >= 5


def test_the_rest_comes_when_the_last_request_has_ended(remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        with Wire(remote.berth) as held:
            held.send(predict(model))
            service.requests.get(timeout=60)
            assert reload(remote.berth, deadline_ms=0).json()["quarantined"]
            told = figures(remote)
            service.gate.release(100)
            assert held.read().status == 200
        remote.ask(model)
        assert not reload(remote.berth).json()["quarantined"]  # the first one is retired before
        after = figures(remote)
        assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#3"]
        assert counts(remote, model)[2] == 2
        assert after[f'ml_remote_prediction_seconds_count{{model="{model}",part="remote"}}'] == 2
        assert all(after[key] >= value for key, value in told.items() if "_total" in key)


@pytest.mark.parametrize("hands_over", [True, False])
def test_a_spent_rate_limit(remote, hands_over):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        remote.send("PUT", f"/_plugins/_ml/models/{model}", body={
            "rate_limiter": {"limit": "2", "unit": "DAYS"}})
        assert [ask(remote, model).status for _ in range(3)] == [200, 200, 429]
        said = reload(remote.berth, state=str(hands_over).lower()).json()["state"]
        assert said["handed_over"] == hands_over
        assert ask(remote, model).status == (429 if hands_over else 200)


def test_what_the_old_one_spends_after_the_swap(remote):
    """A token that is taken between saving and the swap is lost for the new one too."""
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        remote.send("PUT", f"/_plugins/_ml/models/{model}", body={
            "rate_limiter": {"limit": "4", "unit": "DAYS"}})
        for expected in (200, 200, 200, 200, 429):
            assert ask(remote, model).status == expected
            assert reload(remote.berth).status == 200


def test_an_open_circuit(remote):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        breaker = PREFIX + "remote.circuit_breaker."
        remote.send("PUT", "/_cluster/settings", body={"persistent": {
            breaker + "minimum_exchanges": 3, breaker + "open_time": "1h"}})
        service.script[:] = [(503, {}, b"{}")] * 3
        for _ in range(3):
            assert ask(remote, model).status == 503
        assert reload(remote.berth).status == 200
        answer = ask(remote, model)
        assert answer.status == 503 and "not asked for the moment" in answer.json()["error"]["reason"]
        assert 3500 < int(answer.headers["retry-after"]) <= 3600
        assert service.requests.qsize() == 3


def test_dry_run_leaves_all_as_it_is(remote):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        remote.ask(model)
        told = counts(remote, model)
        assert reload(remote.berth, dry_run="true").json()["state"]["handed_over"]
        assert counts(remote, model) == told
        remote.ask(model)
        assert reload(remote.berth).status == 200
        assert counts(remote, model)[2] == 2


def test_nobody_to_take_it(remote, tmp_path):
    said = reload(remote.berth, path=compile_candidate(tmp_path)).json()["state"]
    assert said == {"handed_over": False, "reason": "the new generation takes nothing over"}
    said = reload(remote.berth, path=BUILD / "ml_remote.so").json()["state"]
    assert said == {"handed_over": False, "reason": "the old generation hands nothing over"}


def test_another_schema(remote, tmp_path):
    answer = reload(remote.berth, path=compile_candidate(tmp_path, "-DSCHEMA=7"))
    assert answer.status == 200
    said = answer.json()["state"]
    assert not said["handed_over"] and "schema 1" in said["reason"] and "7 to 7" in said["reason"]


def test_who_cannot_take_it_does_not_serve(remote, tmp_path):
    path = compile_candidate(tmp_path, "-DSCHEMA=1", "-DWRONG_RESTORE=1")
    answer = reload(remote.berth, path=path)
    assert answer.status == 500 and "state.restore" in answer.json()["error"]["reason"]
    assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#1"]
    assert reload(remote.berth, path=path, state="false").status == 200


def test_who_cannot_give_it_is_replaced_without(remote, tmp_path):
    path = compile_candidate(tmp_path, "-DSCHEMA=1", "-DWRONG_SAVE=1")
    assert reload(remote.berth, path=path).status == 200
    back = BUILD / "ml_remote.so"
    answer = reload(remote.berth, path=back)
    assert answer.status == 503 and "state.save" in answer.json()["error"]["reason"]
    assert reload(remote.berth, path=back, state="false").status == 200


def test_from_one_version_to_the_other_and_back(remote, tmp_path):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        for path in (other_version(tmp_path), BUILD / "ml_remote.so"):
            assert ask(remote, model).status == 200
            assert reload(remote.berth, path=path).json()["state"]["handed_over"]
        assert counts(remote, model)[2] == 2
