#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts Berth and a remote model, and walks the six steps of the API: host/quickstart, last part."""
import argparse
import itertools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
BUNDLED_KEY = "quickstart-key"
START_SECONDS = 20
# Of the nodes of a cluster, in their order; further ones are as the last.
CLUSTER_ROLES = ("cluster_manager,data", "data,ingest", "ml")
PREFERRED_PORT = 9200


class Failure(Exception):
    """What went wrong, told to the user without a traceback."""


def free_port(wanted):
    """The wanted port, else 0 (any) where nobody asked for one and the usual one is taken."""
    if wanted is not None:
        return wanted
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
    return PREFERRED_PORT


def start(name, command, log_path, find):
    """Starts a process that writes to a file, and waits until find(line) of it gives something."""
    with open(log_path, "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    seen = []
    with subprocess.Popen(["tail", "-n", "+1", "-f", f"--pid={process.pid}", str(log_path)],
                          stdout=subprocess.PIPE, text=True) as tail:
        too_late = threading.Timer(START_SECONDS, tail.kill)
        too_late.start()
        try:
            for line in tail.stdout:
                found = find(line)
                if found:
                    return process, found
                seen.append(line)
        finally:
            too_late.cancel()
            tail.kill()
    stop(process)
    raise Failure(f"{name} did not start (exit status {process.returncode}):\n{''.join(seen[-5:])}")


def start_model_server(log_path):
    command = [sys.executable, "-u", str(ROOT / "tests" / "api" / "model_server.py"),
               "--port", "0", "--key", BUNDLED_KEY]
    return start("the model server", command, log_path,
                 lambda line: (re.search(r"http://\S+", line) or [None])[0])


def listening_address(line):
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event["address"] if event.get("event") == "listening" else None


def start_berth(port, data, log_path, settings=()):
    command = [str(BUILD / "berth"), "serve", "--data", str(data), "--plugin", str(BUILD / "ml_remote.so"),
               "-E", "http.host=127.0.0.1", "-E", f"http.port={port}"]
    for setting in settings:
        command += ["-E", setting]
    print("$ " + shlex.join(os.path.relpath(part, ROOT) if part.startswith(str(ROOT)) else part
                            for part in command))
    process, address = start("berth", command, log_path, listening_address)
    return process, f"http://{address}"


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def start_etcd(folder):
    """One member of etcd, which is a cluster's store on this machine; several make it last."""
    client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    command = ["etcd", "--name", "quickstart", "--data-dir", str(folder / "etcd"), "--listen-client-urls", client,
               "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
               "--initial-cluster", f"quickstart={peer}"]
    process, _ = start("etcd", command, folder / "etcd.log", lambda line: "ready to serve client requests" in line)
    print(f"etcd listens on {client}")
    return process, client


def start_cluster(count, port, folder, started):
    """So many nodes of different roles on one etcd; their addresses."""
    process, endpoint = start_etcd(folder)
    started.append(process)
    urls = []
    for number in range(1, count + 1):
        data = folder / f"n{number}"
        data.mkdir(mode=0o700)
        if number > 1:  # what one node seals the others open
            shutil.copy(folder / "n1" / "master.key", data)
        roles = CLUSTER_ROLES[min(number, len(CLUSTER_ROLES)) - 1]
        process, url = start_berth(port if number == 1 else 0, data, folder / f"n{number}.log", [
            "cluster.engine=etcd", f"cluster.endpoints={endpoint}", f"node.name=n{number}", f"node.roles={roles}"])
        started.append(process)
        urls.append(url)
    return urls


class Client:
    """Sends requests, printing each with its answer; of several nodes to each in turn."""

    def __init__(self, urls):
        self.urls = itertools.cycle(urls)
        self.is_one = len(urls) == 1

    def call(self, method, path, body=None, shown=None):
        self.url = next(self.urls)
        print(f"\n> {method} {path}" + ("" if self.is_one else f"    (to {self.url})"))
        if body is not None:
            print(json.dumps(shown or body, indent=2))
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        answer = json.loads(text)
        print(f"< {status}")
        print(json.dumps(answer, indent=2))
        if status >= 400:
            raise Failure(f"{method} {path} was answered with {status}")
        return answer


def remote_from_environment():
    url = os.environ.get("BERTH_REMOTE_URL")
    if not url:
        return None
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"BERTH_REMOTE_URL is no http or https address: {url}")
    return {"url": url, "key": os.environ.get("BERTH_REMOTE_KEY", ""),
            "model": os.environ.get("BERTH_REMOTE_MODEL", "gpt-4o-mini")}


def connector(remote):
    return {
        "name": "chat", "description": "A chat model behind OpenAI's API", "version": "1", "protocol": "http",
        "parameters": {"model": remote["model"]},
        "credential": {"key": remote["key"]},
        "actions": [{
            "action_type": "predict", "method": "POST", "url": remote["url"],
            "headers": {"Authorization": "Bearer ${credential.key}"},
            "request_body": '{"model": "${parameters.model}", "messages": ${parameters.messages}}',
        }],
    }


def title(number, text):
    print(f"\n-- step {number} of 6: {text}")


def walk(client, remote, times):
    """The six steps, the last of them so many times; returns the model's id."""
    host = urllib.parse.urlsplit(remote["url"])
    endpoint = re.escape(f"{host.scheme}://{host.netloc}") + "/.*"
    title(1, "say which endpoints are trusted")
    client.call("PUT", "/_cluster/settings", {"persistent": {
        "plugins.ml_commons.trusted_connector_endpoints_regex": [f"^{endpoint}$"],
        "plugins.ml_commons.connector.private_ip_enabled": bool(remote.get("private")),
    }})
    title(2, "register a model group")
    group = client.call("POST", "/_plugins/_ml/model_groups/_register",
                        {"name": "quickstart", "description": "Models of the first steps"})
    title(3, "create a connector")
    body = connector(remote)
    made = client.call("POST", "/_plugins/_ml/connectors/_create", body,
                       shown={**body, "credential": {"key": "(not shown)"}})
    title(4, "register a remote model")
    model = client.call("POST", "/_plugins/_ml/models/_register", {
        "name": "chat", "function_name": "remote", "model_group_id": group["model_group_id"],
        "connector_id": made["connector_id"]})
    title(5, "deploy it")
    client.call("POST", f"/_plugins/_ml/models/{model['model_id']}/_deploy")
    title(6, "predict")
    for _ in range(times):
        client.call("POST", f"/_plugins/_ml/models/{model['model_id']}/_predict", {
            "parameters": {"messages": [{"role": "user", "content": "What does a berth hold?"}]}})
    return model["model_id"]


def show_nodes(url):
    print(f"\n> GET /_cat/nodes?v    (to {url})")
    with urllib.request.urlopen(url + "/_cat/nodes?v&h=name,ip,port,node.roles,cluster_manager", timeout=60) as answer:
        print(answer.read().decode(), end="")


def farewell(url, model_id, server, log_path, keep):
    predict = (f"curl -s -H 'content-type: application/json' \\\n     {url}/_plugins/_ml/models/{model_id}/_predict"
               "?pretty \\\n     -d '{\"parameters\": {\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}}'")
    print("\n== all six steps were answered")
    if not keep:
        print("The server is stopped. To go on with curl: host/quickstart --keep")
        return
    pids = " ".join(str(process.pid) for process in server)
    print(f"""The server runs on {url} (log: {os.path.relpath(log_path, ROOT)}). Go on with:

{predict}
curl -s '{url}/_plugins/_ml/models/_search?pretty' -H 'content-type: application/json' -d '{{"query": {{"match_all": {{}}}}}}'
curl -s '{url}/_cluster/settings?include_defaults&flat_settings&pretty'
curl -s '{url}/_cat/plugins?v'
curl -s '{url}/_berth/metrics'

To stop: kill {pids}""")


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=35)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(options):
    folder = ROOT / "build" / "quickstart"
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
    log_path = data.with_suffix(".log")
    started = []
    kept = False
    try:
        remote = remote_from_environment()
        if not remote:
            process, url = start_model_server(data.with_suffix(".model.log"))
            started.append(process)
            print(f"the bundled model server listens on {url}")
            remote = {"url": f"{url}/v1/chat/completions", "key": BUNDLED_KEY, "model": "bundled", "private": True}
        if options.cluster:
            urls = start_cluster(options.cluster, free_port(options.port), data, started)
            log_path = data / "n1.log"
        else:
            berth, url = start_berth(free_port(options.port), data, log_path)
            started.append(berth)
            urls = [url]
        model_id = walk(Client(urls), remote, len(urls))
        if options.cluster:
            show_nodes(urls[-1])
        kept = options.keep
        farewell(urls[0], model_id, started, log_path, kept)
    finally:
        if not kept:
            for process in reversed(started):
                stop(process)
            shutil.rmtree(data)


def main():
    parser = argparse.ArgumentParser(prog="host/quickstart")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    parser.add_argument("--port", type=int, help="the port to listen on")
    parser.add_argument("--cluster", type=int, metavar="N", choices=range(2, 10),
                        help="start etcd and N nodes, 2 to 9")
    try:
        run(parser.parse_args())
    except Failure as failure:
        print(f"\nquickstart: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
