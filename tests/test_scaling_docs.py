"""What docs/scaling.md shows can be used as it stands."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from kerasvox.cli.main import app
from kerasvox.training.distribution.cluster import cluster_from_environment

DOCUMENT = Path(__file__).parents[1] / "docs" / "scaling.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [
    line
    for language, block in BLOCKS
    for line in block.splitlines()
    if language == "sh" and "kerasvox " in line and "pip install" not in line
]


@pytest.fixture(scope="module")
def job():
    (manifest,) = [block for language, block in BLOCKS if language == "yaml"]
    service, job = yaml.safe_load_all(manifest)
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    return job


@pytest.mark.parametrize("index", [0, 1])
def test_the_jobs_shell_makes_a_cluster(job, index, monkeypatch):
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    export, command = script.split("; exec ")
    done = subprocess.run(
        [*container["command"], f'{export}; printf %s "$TF_CONFIG"'],
        env={"JOB_COMPLETION_INDEX": str(index)},
        capture_output=True,
        text=True,
        check=True,
    )
    monkeypatch.setenv("TF_CONFIG", done.stdout)
    cluster = cluster_from_environment()
    assert cluster is not None
    name, subdomain = job["metadata"]["name"], job["spec"]["template"]["spec"]["subdomain"]
    assert cluster.workers == tuple(
        f"{name}-{worker}.{subdomain}:2222" for worker in range(job["spec"]["completions"])
    )
    assert cluster.index == index
    check_options(command)


def test_every_volume_that_is_mounted_is_there(job):
    pod = job["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_exists(command):
    check_options(command)


def test_commands_are_found():
    assert len(COMMANDS) >= 8


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    for link in links:
        assert (DOCUMENT.parent / link).exists(), link


def check_options(command):
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    assert words.pop(0) == "kerasvox"
    verb = typer.main.get_command(app)
    while getattr(verb, "commands", None):
        verb = verb.commands[words.pop(0)]
    known = {option for parameter in verb.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known
