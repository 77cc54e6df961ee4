# SPDX-License-Identifier: Apache-2.0
"""Documents exported from one engine and imported into the other, with their secrets sealed."""
import json
import shutil
import subprocess

from berth_process import COMMAND, Berth
from clusters import Cluster
from six_steps import PREFIX, Steps, answer_of


def transfer(command, data, source=None, settings=()):
    arguments = [str(COMMAND), command, "--data", str(data)]
    for setting in settings:
        arguments += ["-E", setting]
    return subprocess.run(arguments, input=source, capture_output=True, text=True, check=False, timeout=120)


def test_from_one_node_to_a_cluster_and_back(tmp_path, etcd, model_server):
    alone = Berth(tmp_path / "alone")
    with Steps(alone, model_server) as steps:
        model = steps.deployed_model()
        steps.client.cluster.put_settings(body={"persistent": {PREFIX + "monitoring_request_count": 7}})
    busy = transfer("export", tmp_path / "alone")
    assert busy.returncode == 1 and "in use by another Berth" in busy.stderr
    alone.stop()
    exported = transfer("export", tmp_path / "alone")
    assert exported.returncode == 0, exported.stderr
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert lines[0] == {"berth_documents": 1} and f"{len(lines) - 1} documents exported" in exported.stderr
    assert model_server.key not in exported.stdout

    cluster_of = ["cluster.engine=etcd", f"cluster.endpoints={etcd.endpoints}", f"cluster.prefix={tmp_path}"]
    first = tmp_path / "cluster" / "n1"
    first.mkdir(mode=0o700, parents=True)
    shutil.copy(tmp_path / "alone" / "master.key", first)
    imported = transfer("import", first, exported.stdout, cluster_of)
    assert imported.returncode == 0, imported.stderr

    cluster = Cluster(tmp_path / "cluster", etcd, [], {"cluster.prefix": str(tmp_path)})
    cluster.nodes = [None]
    cluster.start(1, {"node.roles": "cluster_manager,data"})
    cluster.add("ml")
    try:
        cluster.see_each_other()
        with Steps(cluster.nodes[0], model_server) as steps:
            assert steps.client.cluster.get_settings(flat_settings=True)["persistent"][
                PREFIX + "monitoring_request_count"] == "7"
            steps.deploy(model)
            assert answer_of(steps.ask(model, "in the cluster"))
    finally:
        cluster.stop()

    back = transfer("export", first, settings=cluster_of)
    assert back.returncode == 0, back.stderr
    fresh = tmp_path / "fresh"
    fresh.mkdir(mode=0o700)
    shutil.copy(first / "master.key", fresh)
    assert transfer("import", fresh, back.stdout).returncode == 0
    again = Berth(fresh)
    with Steps(again, model_server) as steps:
        steps.deploy(model)
        assert answer_of(steps.ask(model, "alone again"))
    again.stop()


def test_what_is_no_export(tmp_path):
    for number, text in enumerate(("", "no json\n", "{}\n", '{"berth_documents":2}\n',
                                   '{"berth_documents":1}\n{"index":"a"}\n')):
        data = tmp_path / str(number)
        refused = transfer("import", data, text)
        assert refused.returncode == 1 and "line " in refused.stderr, (text, refused.stderr)
