"""make_image  makes this checkout's image for an architecture, and gives its archive
image       that for this machine
files       what is in it, unpacked
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import prepare

MakeImage = Callable[[str], Path]


@pytest.fixture(scope="session")
def make_image(outside: int, tmp_path_factory: pytest.TempPathFactory) -> MakeImage:
    """From the machine's own package sources, or from .cache/image where nothing has changed."""
    folder = tmp_path_factory.mktemp("image")

    def make(architecture: str = "") -> Path:
        file = folder / f"{architecture or 'native'}.tar"
        if file.exists():
            return file
        chosen = ["--arch", architecture] if architecture else []
        prepare.run(outside, sys.executable, "-m", "deploy.image.assemble", str(file), *chosen)
        return file

    return make


@pytest.fixture(scope="session")
def image(make_image: MakeImage) -> Path:
    """For this machine."""
    return make_image("")


def unpack(archive: Path, into: Path) -> Path:
    """The layers over one another, as a runtime does it."""
    with tarfile.open(archive) as tar:
        read = tar.extractfile("manifest.json")
        assert read is not None
        (manifest,) = json.load(read)
        for name in manifest["Layers"]:
            blob = tar.extractfile(name)
            assert blob is not None
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob.read()))) as layer:
                if hasattr(tarfile, "fully_trusted_filter"):  # not in Debian 12's Python
                    layer.extraction_filter = staticmethod(tarfile.fully_trusted_filter)
                layer.extractall(into)
    return into


@pytest.fixture(scope="session")
def files(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(image, tmp_path_factory.mktemp("files"))
