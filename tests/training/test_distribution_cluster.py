import json

import pytest

from kerasvox.errors import UsageError
from kerasvox.training.distribution.choose import choose, find_cluster
from kerasvox.training.distribution.cluster import (
    Cluster,
    cluster_from_environment,
    cluster_from_options,
    host_of,
    port_of,
)

TWO = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_options_describe_a_cluster():
    cluster = cluster_from_options(1, "a:1, b:2")
    assert cluster == Cluster(("a:1", "b:2"), 1)
    assert cluster.port == 2
    assert cluster.describe(0) == "worker 0 (a:1)"
    assert cluster_from_options(None, None) is None
    assert cluster_from_options(0, "[::1]:1,[fe80::2%eth0]:1").workers[0] == "[::1]:1"


@pytest.mark.parametrize(
    ("worker", "workers", "message"),
    [
        (0, None, "belong together"),
        (None, "a:1,b:2", "belong together"),
        (2, "a:1,b:2", "--worker is 2; there are 2 workers, counted from 0"),
        (-1, "a:1,b:2", "--worker is -1"),
        (0, "a,b:2", "'a' is no address; write host:port"),
        (0, "a:x,b:2", "'a:x' is no address"),
        (0, "a:70000,b:2", "'a:70000' is no address"),
        (0, ":1,b:2", "':1' is no address"),
        (0, "::1:2223,b:2", "'::1:2223' is no address.*or .host.:port for IPv6"),
        (0, "http://a:2222,b:2", "'http://a:2222' is no address"),
        (0, "a/b:2222,b:2", "'a/b:2222' is no address"),
        (0, "[]:1,b:2", "is no address"),
        (0, "a:1,,b:2", "'' is no address"),
        (0, "a:1,a:1", "a:1 stands there twice"),
    ],
)
def test_wrong_options_are_named(worker, workers, message):
    with pytest.raises(UsageError, match=message):
        cluster_from_options(worker, workers)


def test_tf_config_describes_a_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(TWO))
    assert cluster_from_environment() == Cluster(("a:1", "b:2"), 1)


def test_a_chief_is_the_first_worker(monkeypatch):
    cluster = {"worker": ["b:2"], "chief": ["a:1"]}
    for kind, place in (("chief", 0), ("worker", 1)):
        config = {"cluster": cluster, "task": {"type": kind, "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        assert cluster_from_environment() == Cluster(("a:1", "b:2"), place)


def test_what_is_exported_is_read_again(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    cluster = Cluster(("a:1", "[::1]:2"), 1)
    cluster.export()
    assert cluster_from_environment() == cluster
    assert (host_of("[::1]:2"), port_of("[::1]:2")) == ("::1", 2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "TF_CONFIG is '{' and cannot be used"),
        ("[]", "cannot be used"),
        ('{"cluster": {"worker": ["a:1"]}}', "cannot be used"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "x"}}', "cannot be"),
        ('{"cluster": {"worker": 3}, "task": {"type": "worker", "index": 0}}', "cannot be used"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "no address"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "index is 1"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": -1}}',
            "index is -1",
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "is a chief"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "has the tasks ps"),
    ],
)
def test_a_garbled_tf_config_is_named(monkeypatch, config, message):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match=message) as caught:
        find_cluster("auto", None, None)
    assert "\n" not in str(caught.value)


def test_which_runs_span_machines(monkeypatch):
    assert find_cluster("auto", None, None) is None
    assert find_cluster("auto", 0, "a:1,b:2") == Cluster(("a:1", "b:2"), 0)
    monkeypatch.setenv("TF_CONFIG", json.dumps(TWO))
    for strategy in ("auto", "multi-worker"):
        assert find_cluster(strategy, None, None) == Cluster(("a:1", "b:2"), 1)
    assert find_cluster("auto", 0, "c:1,d:2").workers == ("c:1", "d:2")
    assert find_cluster("none", None, None) is None
    assert find_cluster("mirrored", None, None) is None
    one = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(one))
    assert find_cluster("multi-worker", None, None) is None


@pytest.mark.parametrize(
    ("strategy", "workers", "message"),
    [
        ("best", None, "unknown strategy 'best'; strategies are auto, none, mirrored"),
        ("multi-worker", None, "TF_CONFIG names no cluster"),
        ("none", "a:1,b:2", "--workers is for strategy multi-worker; this one is none"),
        ("mirrored", "a:1,b:2", "this one is mirrored"),
    ],
)
def test_wrong_strategies_are_named(strategy, workers, message):
    with pytest.raises(UsageError, match=message):
        find_cluster(strategy, None if workers is None else 0, workers)


def test_one_device_is_the_default():
    assert choose("none", None).name == "none"
    assert choose("auto", None).name in ("none", "mirrored")
