"""The files of the folder serving/, as far as they can be checked without a cluster."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

import kerasvox
from kerasvox.serving.engines import IMAGE

SERVING = Path(__file__).parents[2] / "serving"
MODELS = ["drnn_mir1k", "spectrogram_fusion_mir1k", "two_head_bilstm_mir1k"]
YAML_FILES = sorted([*SERVING.glob("*.yml"), *SERVING.glob("kubernetes/*.yaml")])


def documents(name):
    return [each for each in yaml.safe_load_all((SERVING / name).read_text()) if each]


def message(name, fields):
    """Return an empty message of a type that tensorflow-serving-api leaves out.

    Its fields are those of TensorFlow Serving's .proto file, as pairs of name and type.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto", syntax="proto3", dependency=["google/protobuf/wrappers.proto"]
    )
    described = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        added = described.field.add(name=field, number=number, label=1)
        if kind.startswith("."):
            added.type, added.type_name = 11, kind
        else:
            added.type = {"bool": 8, "string": 9}[kind]
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()


INT = ".google.protobuf.Int64Value"
BATCHING = {
    "max_batch_size": INT,
    "batch_timeout_micros": INT,
    "max_enqueued_batches": INT,
    "num_batch_threads": INT,
    "pad_variable_length_inputs": "bool",
    "enable_large_batch_splitting": ".google.protobuf.BoolValue",
    "max_execution_batch_size": INT,
}


def test_models_config_serves_all_versions_of_the_zoo():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((SERVING / "models.config").read_text(), config)
    served = config.model_config_list.config
    assert sorted(each.name for each in served) == MODELS == kerasvox.list_presets()
    for each in served:
        assert each.base_path == f"/models/{each.name}"
        assert each.model_platform == "tensorflow"
        assert each.model_version_policy.WhichOneof("policy_choice") == "all"


def test_batching_lets_no_rows_meet():
    text = (SERVING / "batching_parameters.txt").read_text()
    parameters = text_format.Parse(text, message("BatchingParameters", BATCHING))
    assert parameters.max_execution_batch_size.value == 1
    assert parameters.enable_large_batch_splitting.value
    assert not parameters.pad_variable_length_inputs


def test_monitoring_is_where_prometheus_looks():
    text = (SERVING / "monitoring.config").read_text()
    inner = re.fullmatch(r"(?:#.*\n)*prometheus_config \{\n(.*)\}\n", text, re.DOTALL)[1]
    fields = {"enable": "bool", "path": "string"}
    config = text_format.Parse(inner, message("PrometheusConfig", fields))
    assert config.enable
    (deployment,) = documents("kubernetes/deployment.yaml")
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == config.path


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_is_whole_and_images_are_pinned(path):
    text = path.read_text()
    for document in yaml.safe_load_all(text):
        assert document
    for image in re.findall(r"image: (\S+)", text):
        assert re.search(r":\d+\.\d+", image)


def test_every_place_names_the_same_version_of_tensorflow_serving():
    version = IMAGE.partition(":")[2]
    found = set()
    for path in [*YAML_FILES, SERVING / "README.md"]:
        text = path.read_text()
        found |= set(re.findall(r"tensorflow/serving:([\w.]+)", text))
        found |= set(re.findall(r"runtimeVersion: (\S+)", text))
    assert found == {version}


def test_the_config_map_says_what_the_files_say():
    (config,) = documents("kubernetes/configmap.yaml")
    paths = ["models.config", "monitoring.config", "nginx/kerasvox.conf.template"]
    assert config["data"] == {Path(path).name: (SERVING / path).read_text() for path in paths}


def test_the_deployment_is_probed_limited_and_locked():
    (deployment,) = documents("kubernetes/deployment.yaml")
    pod = deployment["spec"]["template"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    for container in pod["spec"]["containers"]:
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
        ports = {each["name"] for each in container["ports"]}
        for probe in ("readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
    server = pod["spec"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["httpGet"]["path"].startswith("/v1/models/drnn_mir1k")
    (service,) = documents("kubernetes/service.yaml")
    labels = pod["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == "https"


def test_there_is_an_inference_service_for_every_model():
    services = documents("kubernetes/inference-services.yaml")
    assert sorted(each["metadata"]["name"].replace("-", "_") for each in services) == MODELS
    for each in services:
        model = each["spec"]["predictor"]["model"]
        name = each["metadata"]["name"].replace("-", "_")
        assert model["storageUri"] == f"pvc://kerasvox-models/{name}"
        assert model["modelFormat"]["name"] == "tensorflow"


def test_compose_refers_to_files_that_are_there():
    (compose,) = documents("docker-compose.yml")
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./") and source != "./secrets":
                assert (SERVING / source).is_file()
    assert "ports" not in compose["services"]["model-server"]  # only nginx reaches it


def test_compose_is_understood_by_docker(tmp_path):
    if not shutil.which("docker"):
        pytest.skip("docker is missing")
    probe = subprocess.run(["docker", "compose", "version"], capture_output=True)
    if probe.returncode:
        pytest.skip("docker has no compose plugin")
    command = ["docker", "compose", "-f", str(SERVING / "docker-compose.yml")]
    done = subprocess.run(
        [*command, "config", "--format", "json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["services"].keys() == {"model-server", "proxy"}


def test_there_are_no_secrets():
    for path in SERVING.rglob("*"):
        if path.is_file():
            assert "PRIVATE KEY" not in path.read_text()
            assert path.suffix not in (".key", ".crt", ".pem")
