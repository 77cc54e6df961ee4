# SPDX-License-Identifier: Apache-2.0
"""Batch predictions: a job at the remote service, a task that follows it, and its end."""
import json
import threading

import pytest
from opensearchpy.exceptions import TransportError
from scripted_server import service  # noqa: F401 (a fixture)
from six_steps import PREFIX
from waiting import eventually
from wire import Wire, request

SETTINGS = {PREFIX + "sync_up_job_interval_in_seconds": "0"}
BATCH = "/_plugins/_ml/models/{}/_batch_predict"
TASK = "/_plugins/_ml/tasks/{}"
MATCH_BATCHES = {"query": {"term": {"task_type": "BATCH_PREDICTION"}}, "size": 1000}
KEY = "key-0123456789abcdef"


def action(kind, method, url, **more):
    return {"action_type": kind, "method": method, "url": url,
            "headers": {"Authorization": "Bearer ${credential.key}"}, **more}


def actions(service, path="/jobs"):
    """The predict and the batch action; what is asked about a job is left out."""
    return [action("predict", "POST", service.url + "/ask", request_body='{"q": "${parameters.q}"}'),
            action("batch_predict", "POST", service.url + path,
                   request_body='{"file": "${parameters.file}"}')]


def all_actions(service):
    job = service.url + "/jobs/${parameters.id}"
    return [*actions(service), action("batch_predict_status", "GET", job),
            action("cancel_batch_predict", "POST", job + "/cancel")]


class Batches:
    """A client of a Berth whose models ask the scripted service."""

    def __init__(self, berth, service):
        self.service = service
        self.client = berth.client()
        self.settings(**{"trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
                         "connector.private_ip_enabled": True})

    def settings(self, **values):
        self.client.cluster.put_settings(body={
            "transient": {PREFIX + key: value for key, value in values.items()}})

    def model(self, actions=None, **more):
        made = self.client.plugins.ml.create_connector(body={
            "name": "batch", "version": "1", "protocol": "http", "credential": {"key": KEY},
            "actions": actions or all_actions(self.service)})
        return self.client.plugins.ml.register_model(body={
            "name": "batch", "function_name": "remote", "connector_id": made["connector_id"],
            **more})["model_id"]

    def ask(self, method, path, body=None):
        """The status and the answer."""
        try:
            return 200, self.client.transport.perform_request(method, path, body=body)
        except TransportError as error:
            return error.status_code, error.info

    def begin(self, model, **body):
        return self.ask("POST", BATCH.format(model), {"parameters": {"file": "f-1"}, **body})

    def begun(self, model, job=None):
        """A job that runs; the id of its task."""
        self.service.answers["POST", "/jobs"] = 200, job or {"id": "j1", "status": "in_progress"}
        status, answer = self.begin(model)
        assert status == 200, answer
        self.service.asked()
        return answer["task_id"]

    def task(self, task):
        return self.ask("GET", TASK.format(task))

    def tasks(self):
        """Tasks of batch predictions as they are stored; nobody is asked about them."""
        found = self.client.transport.perform_request("POST", TASK.format("_search"), body=MATCH_BATCHES)
        return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


@pytest.fixture
def batches(berth, service):  # noqa: F811
    made = Batches(berth, service)
    yield made
    for task in made.tasks():  # what runs counts against the limit of the tests that follow
        service.answers["GET", "/jobs/j1"] = 200, {"status": "failed"}
        made.task(task)
    made.client.close()


def type_of(answer):
    return answer["error"]["type"]


def reason_of(answer):
    return answer["error"]["reason"]


# ---- beginning ----

def test_a_job_is_begun_and_followed(batches, service):
    model = batches.model()
    service.answers["POST", "/jobs"] = 200, {"id": "j1", "status": "in_progress", "of": {"a": 1}}
    status, answer = batches.begin(model)
    task = answer["task_id"]
    job = {"dlq": None, "id": "j1", "status": "in_progress", "of": {"a": 1}}
    assert (status, answer) == (200, {"task_id": task, "status": "CREATED", "remote_job": job})
    method, path, body, headers = service.requests.get(timeout=60)
    assert (method, path, body) == ("POST", "/jobs", {"file": "f-1"})
    assert headers["Authorization"] == f"Bearer {KEY}"

    service.answers["GET", "/jobs/j1"] = 200, {"status": "in_progress", "done": 3, "errors": None}
    status, answer = batches.task(task)
    assert status == 200
    assert service.asked() == ("GET", "/jobs/j1", None)
    assert answer["state"] == "RUNNING"
    assert answer["remote_job"] == {**job, "done": 3, "errors": None}
    assert {name: answer[name] for name in ("model_id", "task_type", "function_name", "input_type", "is_async")} == {
        "model_id": model, "task_type": "BATCH_PREDICTION", "function_name": "REMOTE", "input_type": "REMOTE",
        "is_async": False}
    assert answer["last_update_time"] >= answer["create_time"]

    service.answers["GET", "/jobs/j1"] = 200, {"status": "completed", "of": {}}
    assert batches.task(task)[1]["state"] == "COMPLETED"
    service.asked()
    shown = batches.task(task)[1]
    assert shown["remote_job"] == {**job, "status": "completed", "of": {}, "done": 3, "errors": None}
    assert service.requests.empty()  # it has ended: nobody is asked any more


def test_a_model_that_is_not_deployed_is(batches, service):
    model = batches.model()
    batches.begun(model)
    assert batches.client.plugins.ml.get_model(model_id=model)["model_state"] == "DEPLOYED"


def test_the_bucket_for_failures_is_kept(batches, service):
    service.answers["POST", "/jobs"] = 200, {"id": "j1", "dlq": "the service's own"}
    bucket = {"bucket": "b", "region": "r"}
    status, answer = batches.begin(batches.model(), dlq=bucket)
    assert (status, answer["remote_job"]) == (200, {"dlq": bucket, "id": "j1"} | {"dlq": "the service's own"})


@pytest.mark.parametrize("body,kind", [
    ({"parameters": {}, "dlq": {"bucket": "b"}}, "illegal_argument_exception"),
    ({"parameters": {}, "dlq": {"bucket": 1, "region": "r"}}, "illegal_argument_exception"),
    ({"parameters": {}, "dlq": "b"}, "parsing_exception"),
    ({"text_docs": ["a"]}, "illegal_argument_exception"),
    ({"parameters": {}}, "illegal_argument_exception"),  # the template's parameter is missing
    ([], "parsing_exception"),
    (None, "parse_exception"),
])
def test_wrong_bodies(batches, service, body, kind):
    status, answer = batches.ask("POST", BATCH.format(batches.model()), body)
    assert (status, type_of(answer)) == (400, kind)
    assert service.requests.empty()


def test_an_unknown_model(batches):
    status, answer = batches.begin("absent")
    assert (status, type_of(answer)) == (404, "status_exception")


def test_a_connector_without_the_action(batches, service):
    status, answer = batches.begin(batches.model(actions(service)[:1]))
    assert (status, type_of(answer)) == (400, "illegal_argument_exception")
    assert "BATCH_PREDICT" in reason_of(answer)


def test_a_disabled_model(batches):
    model = batches.model()
    assert batches.ask("PUT", f"/_plugins/_ml/models/{model}", {"is_enabled": False})[0] == 200
    status, answer = batches.begin(model)
    assert (status, type_of(answer)) == (403, "status_exception")


def test_switched_off(batches):
    model = batches.model()
    batches.settings(offline_batch_inference_enabled=False)
    status, answer = batches.begin(model)
    batches.settings(offline_batch_inference_enabled=None)
    assert (status, type_of(answer)) == (400, "illegal_argument_exception")
    assert "offline_batch_inference_enabled" in reason_of(answer)


def test_the_guardrail_of_the_input(batches, service):
    guardrails = {"type": "local_regex", "input_guardrail": {"regex": [".*f-1.*"]}}
    status, answer = batches.begin(batches.model(guardrails=guardrails))
    assert (status, type_of(answer)) == (400, "illegal_argument_exception")
    assert service.requests.empty()


# The service's answer; the status and the type of what the client is told.
NO_JOBS = {
    "an array": ((200, [1]), 404, "resource_not_found_exception"),
    "a text": ((200, "begun"), 404, "resource_not_found_exception"),
    "null": ((200, b"null"), 404, "resource_not_found_exception"),
    "cut off": ((200, b'{"id":'), 502, "status_exception"),
    "nothing": ((200, b""), 502, "status_exception"),
    "refused": ((403, {"no": 1}), 403, "status_exception"),
    "broken": ((500, {"no": 1}), 500, "status_exception"),
}


@pytest.mark.parametrize("case", NO_JOBS)
def test_what_is_no_job_makes_no_task(batches, service, case):
    sent, status, kind = NO_JOBS[case]
    batches.settings(max_batch_inference_tasks=1)
    model = batches.model()
    before = batches.tasks()
    service.answers["POST", "/jobs"] = sent
    got, answer = batches.begin(model)
    assert (got, type_of(answer)) == (status, kind)
    assert batches.tasks() == before
    service.asked()
    batches.begun(model)  # and does not count
    batches.settings(max_batch_inference_tasks=None)


# ---- limits ----

def test_as_many_as_may_run(batches, service):
    batches.settings(max_batch_inference_tasks=1)
    model = batches.model()
    service.answers["POST", "/jobs"] = 200, {"id": "j1", "status": "in_progress"}
    service.gate.clear()
    first = []
    thread = threading.Thread(target=lambda: first.append(batches.begin(model)))
    thread.start()
    service.asked()
    for _ in range(2):  # one that is being begun counts, and one that runs
        status, answer = batches.begin(model)
        assert (status, type_of(answer)) == (429, "status_exception")
        assert "max_batch_inference_tasks" in reason_of(answer)
        service.gate.set()
        thread.join(60)
    assert first[0][0] == 200 and service.requests.empty()
    service.answers["GET", "/jobs/j1"] = 200, {"status": "completed"}
    assert batches.task(first[0][1]["task_id"])[1]["state"] == "COMPLETED"
    service.asked()
    batches.begun(model)
    batches.settings(max_batch_inference_tasks=None)


def test_none_may_run(batches, service):
    batches.settings(max_batch_inference_tasks=0)
    status, _ = batches.begin(batches.model())
    batches.settings(max_batch_inference_tasks=None)
    assert status == 429 and service.requests.empty()


def test_more_than_a_page_of_tasks_is_counted(batches, service):
    batches.settings(max_batch_inference_tasks=12)
    model = batches.model()
    for _ in range(12):
        batches.begun(model)
    status, _ = batches.begin(model)
    batches.settings(max_batch_inference_tasks=None)
    assert status == 429


def test_the_model_s_rate_limit(batches, service):
    model = batches.model(rate_limiter={"limit": "1", "unit": "DAYS"})
    batches.begun(model)
    status, answer = batches.begin(model)
    assert (status, type_of(answer)) == (429, "status_exception")
    assert "rate limiter" in reason_of(answer)


# ---- following ----

# What the service says, and the task's state.
STATES = [
    ({"status": "in_progress"}, "RUNNING"),
    ({"status": "Stopping"}, "CANCELLING"),
    ({"status": "cancelling, not cancelled"}, "CANCELLING"),
    ({"status": "CANCELLED"}, "CANCELLED"),
    ({"status": "Stopped"}, "CANCELLED"),
    ({"status": "Completed"}, "COMPLETED"),
    ({"status": "PartiallyCompleted"}, "COMPLETED"),
    ({"status": "completed, some failed"}, "COMPLETED"),
    ({"status": "job timeout"}, "EXPIRED"),
    ({"status": "Expired"}, "EXPIRED"),
    ({"status": "Failed"}, "FAILED"),
    ({"Status": "Failed"}, "FAILED"),
    ({"TransformJobStatus": "Completed"}, "COMPLETED"),
    ({"Status": "Failed", "status": "running"}, "RUNNING"),
    ({"state": "failed"}, "RUNNING"),
    ({"status": 7}, "RUNNING"),
    ({"status": {"of": "completed"}}, "COMPLETED"),
]


@pytest.mark.parametrize("said,state", STATES)
def test_states(batches, service, said, state):
    task = batches.begun(batches.model(), {"id": "j1"})
    service.answers["GET", "/jobs/j1"] = 200, said
    status, answer = batches.task(task)
    assert (status, answer["state"]) == (200, state)
    assert answer["remote_job"] == {"dlq": None, "id": "j1", **said}


def test_expressions_and_fields_of_the_settings(batches, service):
    task = batches.begun(batches.model(), {"id": "j1"})
    service.answers["GET", "/jobs/j1"] = 200, {"status": "completed", "phase": "over and done"}
    batches.settings(**{"remote_job.status_field": ["phase"], "remote_job.status_regex.expired": "OVER"})
    state = batches.task(task)[1]["state"]
    batches.settings(**{"remote_job.status_field": None, "remote_job.status_regex.expired": None})
    assert state == "EXPIRED"


@pytest.mark.parametrize("expression", ["(", "(a+)+", "x" * 257])
def test_expressions_that_are_refused(batches, expression):
    status, answer = batches.ask("PUT", "/_cluster/settings", {
        "transient": {PREFIX + "remote_job.status_regex.failed": expression}})
    assert status == 400
    assert "remote_job.status_regex.failed" in reason_of(answer)


def test_what_the_service_refuses_changes_nothing(batches, service):
    task = batches.begun(batches.model())
    before = batches.tasks()[task]
    service.answers["GET", "/jobs/j1"] = 500, {"status": "failed"}
    status, answer = batches.task(task)
    assert (status, type_of(answer)) == (500, "status_exception")
    service.answers["GET", "/jobs/j1"] = 200, ["failed"]
    assert batches.task(task)[0] == 404
    assert batches.tasks()[task] == before


def test_without_the_model_nobody_can_be_asked(batches, service):
    model = batches.model()
    task = batches.begun(model)
    batches.client.plugins.ml.undeploy_model(model_id=model)
    service.answers["GET", "/jobs/j1"] = 200, {"status": "in_progress"}
    assert batches.task(task)[0] == 200  # one that is not deployed will do, and stays so
    assert batches.client.plugins.ml.get_model(model_id=model)["model_state"] == "UNDEPLOYED"
    batches.client.plugins.ml.delete_model(model_id=model)
    assert batches.task(task)[0] == 404


def test_without_remote_inference_the_task_is_shown_as_it_is(batches, service):
    task = batches.begun(batches.model())
    batches.settings(**{"remote_inference.enabled": False})
    status, answer = batches.task(task)
    cancelled, _ = batches.ask("POST", TASK.format(task) + "/_cancel")
    batches.settings(**{"remote_inference.enabled": None})
    assert (status, answer["state"], cancelled) == (200, "RUNNING", 400)
    assert service.requests.empty()


def test_a_running_one_is_not_deleted(batches, service):
    task = batches.begun(batches.model())
    status, answer = batches.ask("DELETE", TASK.format(task))
    assert (status, type_of(answer)) == (400, "illegal_argument_exception")
    service.answers["GET", "/jobs/j1"] = 200, {"status": "completed"}
    batches.task(task)
    assert batches.ask("DELETE", TASK.format(task))[0] == 200


# ---- cancelling ----

@pytest.mark.parametrize("sent,status", [
    ((200, {"status": "cancelling"}), 200), ((200, b""), 200), ((202, {}), 502), ((404, {}), 404)])
def test_cancelling(batches, service, sent, status):
    task = batches.begun(batches.model())
    service.answers["POST", "/jobs/j1/cancel"] = sent
    got, answer = batches.ask("POST", TASK.format(task) + "/_cancel")
    assert got == status
    assert answer == {"status": "OK"} if status == 200 else type_of(answer) == "status_exception"
    assert service.asked()[:2] == ("POST", "/jobs/j1/cancel")


def test_only_batches_are_cancelled(batches):
    registered = batches.client.plugins.ml.deploy_model(model_id=batches.model())
    status, answer = batches.ask("POST", TASK.format(registered["task_id"]) + "/_cancel")
    assert (status, type_of(answer)) == (400, "illegal_argument_exception")
    assert batches.ask("POST", TASK.format("absent") + "/_cancel")[0] == 404


# ---- actions that the connector leaves out ----

ARN = "arn:aws:bedrock:us-east-1:1:model-invocation-job/j1"
# The batch action's path; what the service answers; what it is asked about the job, and to cancel.
DERIVED = {
    "openai": ("/openai/batches", {"id": "j1"}, ("GET", "/openai/batches/j1", None),
               ("POST", "/openai/batches/j1/cancel", None)),
    "cohere": ("/cohere/embed-jobs", {"id": "j1"}, ("GET", "/cohere/embed-jobs/j1", None),
               ("POST", "/cohere/embed-jobs/j1/cancel", None)),
    "bedrock": ("/bedrock/job", {"jobArn": ARN}, ("GET", "/bedrock/job/" + ARN.replace("/", "%2F"), None),
                ("POST", "/bedrock/job/" + ARN.replace("/", "%2F") + "/stop", None)),
    "sagemaker": ("/sagemaker/CreateTransformJob", {"TransformJobArn": "arn:aws:sagemaker:r:1:transform-job/j1"},
                  ("POST", "/sagemaker/DescribeTransformJob", {"TransformJobName": "j1"}),
                  ("POST", "/sagemaker/StopTransformJob", {"TransformJobName": "j1"})),
}


@pytest.mark.parametrize("case", DERIVED)
def test_derived_actions(batches, service, case):
    path, job, status, cancel = DERIVED[case]
    service.answers["POST", path] = 200, job
    service.answers[status[:2]] = 200, {"Status": "in_progress"}
    service.answers[cancel[:2]] = 200, {}
    _, answer = batches.begin(batches.model(actions(service, path)))
    service.asked()
    assert batches.task(answer["task_id"])[1]["state"] == "RUNNING"
    *asked, headers = service.requests.get(timeout=60)
    assert tuple(asked) == status and headers["Authorization"] == f"Bearer {KEY}"
    assert batches.ask("POST", TASK.format(answer["task_id"]) + "/_cancel") == (200, {"status": "OK"})
    assert service.asked() == cancel
    service.answers[status[:2]] = 200, {"Status": "failed"}
    batches.task(answer["task_id"])


def test_the_function_behind_the_action(batches, service):
    first, batch = actions(service, "/bedrock/job")
    batch["post_process_function"] = "connector.post_process.bedrock.batch_job_arn"
    service.answers["POST", "/bedrock/job"] = 200, {"jobArn": ARN}
    _, answer = batches.begin(batches.model([first, batch]))
    assert answer["remote_job"] == {"dlq": None, "jobArn": ARN, "processedJobArn": ARN.replace("/", "%2F")}
    service.answers["GET", "/bedrock/job/" + ARN.replace("/", "%2F")] = 200, {"status": "failed"}
    assert batches.task(answer["task_id"])[1]["state"] == "FAILED"


def test_a_service_that_is_not_known(batches, service):
    model = batches.model(actions(service))
    task = batches.begun(model)
    for ask, missing in (("GET", "BATCH_PREDICT_STATUS"), ("POST", "CANCEL_BATCH_PREDICT")):
        status, answer = batches.ask(ask, TASK.format(task) + ("/_cancel" if ask == "POST" else ""))
        assert (status, type_of(answer)) == (400, "illegal_argument_exception")
        assert missing in reason_of(answer)
    job = service.url + "/jobs/${parameters.id}"
    made = batches.client.plugins.ml.create_connector(body={
        "name": "batch", "version": "1", "protocol": "http", "credential": {"key": KEY},
        "actions": [*actions(service), action("batch_predict_status", "GET", job)]})
    batches.client.transport.perform_request("PUT", f"/_plugins/_ml/models/{model}", body=made)
    service.answers["GET", "/jobs/j1"] = 200, {"status": "failed"}
    assert batches.task(task)[1]["state"] == "FAILED"


# ---- without a client ----

def test_a_client_that_leaves_has_its_task(berth, batches, service):
    model = batches.model()
    before = batches.tasks()
    service.answers["POST", "/jobs"] = 200, {"id": "j1", "status": "in_progress"}
    service.gate.clear()
    with Wire(berth) as wire:
        wire.send(request("POST", BATCH.format(model), json.dumps({"parameters": {"file": "f-1"}}).encode()))
        service.asked()
    service.gate.set()
    tasks = eventually(batches.tasks, lambda tasks: len(tasks) > len(before))
    assert [task["state"] for task_id, task in tasks.items() if task_id not in before] == ["RUNNING"]


def test_housekeeping_asks(start_berth, service):
    berth = start_berth(SETTINGS)
    batches = Batches(berth, service)
    model = batches.model()
    tasks = {batches.begun(model, {"id": f"j{i}"}): i for i in range(3)}
    for i in range(3):
        service.answers["GET", f"/jobs/j{i}"] = 200, {"status": ("completed", "in_progress", "failed")[i]}
    batches.settings(sync_up_job_interval_in_seconds=1)
    assert sorted(service.asked()[1] for _ in range(3)) == ["/jobs/j0", "/jobs/j1", "/jobs/j2"]
    states = ["COMPLETED", "RUNNING", "FAILED"]
    eventually(batches.tasks, lambda found: all(
        found[task]["state"] == states[i] and "status" in found[task]["remote_job"] for task, i in tasks.items()))
    batches.client.close()


@pytest.mark.parametrize("asked", ["about a job", "to begin one"])
def test_berth_stops_while_a_service_is_asked(start_berth, service, asked):
    berth = start_berth({**SETTINGS, "node.shutdown_timeout": "100ms"})
    batches = Batches(berth, service)
    model = batches.model()
    task = batches.begun(model)
    service.answers["GET", "/jobs/j1"] = 200, {}
    service.gate.clear()
    with Wire(berth) as wire:
        wire.send(request("GET", TASK.format(task)) if asked == "about a job" else
                  request("POST", BATCH.format(model), json.dumps({"parameters": {"file": "f"}}).encode()))
        service.asked()
        berth.stop()
    batches.client.close()
