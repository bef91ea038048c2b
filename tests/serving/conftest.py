import pytest
from model_server import ModelServer, export_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with the exported model `tiny`, and the separator that it was made of."""
    directory = tmp_path_factory.mktemp("exported")
    separator = export_tiny(directory)
    return directory / "models", separator


@pytest.fixture(scope="session")
def server(tiny, tmp_path_factory):
    """A running server of `tiny` that tests share."""
    log = tmp_path_factory.mktemp("server") / "log"
    with ModelServer(tiny[0], "--max-request-mb", "4", log=log) as running:
        yield running
