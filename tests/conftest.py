"""Fixtures for all tests: the shared material and its photographs."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

pytest_plugins = ["remote_servers"]

# Before anything imports matplotlib: no test may open a window.
os.environ["MPLBACKEND"] = "Agg"
# What a processor has must not decide what a test compares; tests of reduced precision name it.
os.environ["DEELISH_PRECISION"] = "float32"


@pytest.fixture(scope="session")
def material() -> Path:
    """The folder of shared material: $DEELISH_MATERIAL, else `shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("DEELISH_MATERIAL") or beside)
    if not folder.is_dir():
        pytest.skip("the shared material is not here; name its folder in DEELISH_MATERIAL")
    return folder


@pytest.fixture(scope="session")
def photographs(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 ImageNet photographs: images/, train.txt (400), test.txt (100), labels.txt (1000)."""
    archive = material / "data" / "imagenet-500.tar"
    if not archive.is_file():
        pytest.skip("data/imagenet-500.tar is not in the shared material")
    folder = tmp_path_factory.mktemp("photographs")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(params=["torch", "chainer"])
def each_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test once on each engine that trains: sessions without `engine=` take it."""
    if request.param == "chainer":
        require_chainer()
    monkeypatch.setenv("DEELISH_ENGINE", request.param)
    return request.param


def require_chainer() -> None:
    """Skip where Chainer is not installed."""
    from deelish.engines.chainer.importing import import_chainer
    from deelish.errors import EngineError

    try:
        import_chainer()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def chainer() -> object:
    """The module chainer; skips where it is not installed."""
    require_chainer()
    import chainer

    return chainer
