import shutil

import pytest
from model_server import wait_for

from kerasvox.errors import ServingError
from kerasvox.serving.models_folder import check_models, find_models
from kerasvox.serving.repository import ModelRepository
from kerasvox.serving.request_error import RequestError


class Loaded:
    """Stands in for a SavedModel: text that must not say `broken`."""

    signatures = {}  # noqa: RUF012

    def __init__(self, folder):
        self.text = (folder / "saved_model.pb").read_text()
        if "broken" in self.text:
            raise OSError(f"cannot parse\n{self.text}")


def write(directory, model, version, text="fine"):
    folder = directory / model / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text(text)
    return folder


@pytest.fixture
def repository(tmp_path):
    write(tmp_path, "a", 1, "one")
    return ModelRepository(tmp_path, Loaded)


def states(repository, model="a"):
    return {each.number: each.state for each in repository.status(model)}


def test_folders_that_are_models(tmp_path):
    write(tmp_path, "a", 2)
    write(tmp_path, "a", 10)
    write(tmp_path, "a", "notes")
    write(tmp_path, ".partial-b", 1)
    (tmp_path / "empty" / "1").mkdir(parents=True)
    (tmp_path / "file.txt").write_text("x")
    found = find_models(tmp_path)
    assert {name: list(versions) for name, versions in found.items()} == {"a": [2, 10]}


def test_folders_that_cannot_be_served(tmp_path):
    with pytest.raises(ServingError, match=r"nothing: is no folder"):
        check_models(tmp_path / "nothing")
    with pytest.raises(ServingError, match=r"holds no model; `kerasvox export"):
        check_models(tmp_path)
    write(tmp_path, "a", 1)
    with pytest.raises(ServingError, match="is the folder of one model; give the folder above"):
        check_models(tmp_path / "a")


def test_before_the_first_look_requests_are_put_off(repository):
    assert not repository.ready
    with pytest.raises(RequestError, match="being loaded") as caught:
        repository.find("a")
    assert (caught.value.status, caught.value.retry_after) == (503, 2)


def test_the_highest_version_is_served_by_default(repository, tmp_path):
    write(tmp_path, "a", 2, "two")
    repository.look()
    assert repository.ready
    assert repository.find("a")[0] == 2
    assert repository.find("a", 1)[1].text == "one"
    assert states(repository) == {2: "AVAILABLE", 1: "AVAILABLE"}


def test_a_new_version_is_loaded_when_its_files_rest(repository, tmp_path):
    repository.look()
    folder = write(tmp_path, "a", 2, "half")
    repository.look()
    assert states(repository) == {1: "AVAILABLE", 2: "LOADING"}
    (folder / "saved_model.pb").write_text("the whole")
    repository.look()
    assert states(repository)[2] == "LOADING"
    assert repository.find("a")[0] == 1
    with pytest.raises(RequestError, match="version 2 is being loaded"):
        repository.find("a", 2)
    repository.look()
    assert repository.find("a")[1].text == "the whole"


def test_a_broken_version_leaves_the_old_one(repository, tmp_path):
    repository.look()
    folder = write(tmp_path, "a", 2, "broken")
    repository.look()
    repository.look()
    assert repository.find("a")[0] == 1
    (broken, _) = repository.status("a")
    assert broken.to_json() == {
        "version": "2",
        "state": "END",
        "status": {"error_code": "UNKNOWN", "error_message": "cannot parse broken"},
    }
    with pytest.raises(RequestError, match="could not be loaded: cannot parse") as caught:
        repository.find("a", 2)
    assert caught.value.status == 404
    (folder / "saved_model.pb").write_text("repaired")
    repository.look()
    repository.look()
    assert repository.find("a")[1].text == "repaired"


def test_removed_versions_and_models_are_dropped(repository, tmp_path):
    write(tmp_path, "a", 2)
    write(tmp_path, "b", 1)
    repository.look()
    shutil.rmtree(tmp_path / "a" / "2")
    shutil.rmtree(tmp_path / "b")
    repository.look()
    assert repository.find("a")[0] == 1
    for model, version, reason in (
        ("a", 2, "model 'a' version 2 is not served; there is 1"),
        ("b", None, "model 'b' is not served; there is a"),
    ):
        with pytest.raises(RequestError, match=reason) as caught:
            repository.find(model, version)
        assert caught.value.status == 404


def test_a_folder_that_vanishes_for_a_moment_is_survived(repository, tmp_path, caplog):
    repository._interval = 0.01
    repository.start()
    try:
        wait_for(lambda: repository.ready)
        tmp_path.rename(tmp_path.with_name("elsewhere"))
        wait_for(lambda: "cannot look at" in caplog.text)
        assert repository.find("a")[0] == 1
        tmp_path.with_name("elsewhere").rename(tmp_path)
        write(tmp_path, "a", 2)
        wait_for(lambda: repository.find("a")[0] == 2)
    finally:
        repository.stop()
    assert not repository._thread.is_alive()
