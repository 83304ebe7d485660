"""The Containerfile, read: no engine is here to run it. What it runs is run by the other tests of this folder."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from deploy.image import trees
from deploy.image.containerfile import FILE, VARIABLE, Containerfile
from multinet import __version__
from tests.support import tree

CONTAINERFILE = Containerfile.read(FILE.read_text())
BUILD, RUN = CONTAINERFILE.stages


def test_each_base_is_an_argument_and_none_is_whatever_is_newest():
    bases = {name: value for name, value in CONTAINERFILE.arguments.items() if name.endswith("_BASE")}

    assert bases == {"BUILD_BASE": "docker.io/library/debian:12-slim", "RUN_BASE": "scratch"}
    assert [stage.base for stage in CONTAINERFILE.stages] == ["${BUILD_BASE}", "${RUN_BASE}"]
    assert "latest" not in FILE.read_text()


def test_it_is_made_on_the_builders_machine_for_whichever_is_asked_for():
    assert (BUILD.platform, RUN.platform) == ("${BUILDPLATFORM}", "")
    assert [one.rest for one in BUILD.all("ARG")] == ["TARGETARCH"]
    (make,) = (one.rest for one in BUILD.all("RUN") if "deploy.image" in one.rest)
    assert make == '/tools/bin/python -m deploy.image.trees "${TARGETARCH}" /trees'


def test_nothing_is_run_in_the_image_itself_and_each_tree_is_a_layer():
    assert [one.word for one in RUN.instructions if one.word in ("RUN", "ADD", "SHELL", "VOLUME")] == []
    assert [one.rest for one in RUN.all("COPY")] == [f"--from=build /trees/{name} /" for name in trees.TREES]


def test_what_is_fetched_is_known_by_its_hash():
    fetching = [one.rest for one in BUILD.all("RUN") if "pip install" in one.rest]

    assert len(fetching) == 1
    assert "--require-hashes -r deploy/image/build.lock" in fetching[0]
    assert "curl" not in FILE.read_text() + FILE.read_text()
    assert "://" not in re.sub(r"(?m)^#.*", "", FILE.read_text())


def test_all_that_it_copies_is_there_and_is_let_through_to_it():
    copied = {name for one in BUILD.all("COPY") for name in one.rest.split()[:-1]}
    ignore = (FILE.parent / "Containerfile.dockerignore").read_text().splitlines()

    assert [name for name in copied if not (tree.ROOT / name).exists()] == []
    assert ignore[0] == "*"
    let_through = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert [name for name in copied if not any(Path(name).is_relative_to(one) for one in let_through)] == []
    assert [name for name in let_through if not any(Path(one).is_relative_to(name) for one in copied)] == []


def test_it_copies_all_that_a_wheel_is_made_of():
    copied = {name for one in BUILD.all("COPY") for name in one.rest.split()[:-1]}
    project = tree.pyproject()
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], project["project"]["readme"], *project["project"]["license-files"]}

    assert needed - copied == set()


def test_what_an_engine_would_write_is_what_the_archive_has(image: Path):
    with tarfile.open(image) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        written = json.load(archive.extractfile(manifest["Config"]))["config"]

    assert written == CONTAINERFILE.config()
    assert manifest["RepoTags"] == [f"multinet:{__version__}"]
    assert written["User"] == "0:0"
    assert written["Entrypoint"] == ["/usr/bin/python3", "-m", "multinet.daemon"]
    assert written["Cmd"] == ["--config", "/etc/multinet/config.yaml"]
    assert written["Env"][0] == "PATH=/usr/local/bin:/usr/sbin:/usr/bin"
    assert written["Labels"]["org.opencontainers.image.version"] == __version__


@pytest.mark.parametrize(
    ("text", "stages", "user"),
    [
        pytest.param("FROM a:1\nUSER 1", [("a:1", "", "")], "1", id="the least"),
        pytest.param(
            'ARG X=b:2\n# a comment\nFROM --platform=p ${X} AS one\nFROM c:3\nARG X\nUSER \\\n  "$X"',
            [("${X}", "one", "p"), ("c:3", "", "")],
            '"b:2"',
            id="arguments, comments, and lines that go on",
        ),
    ],
)
def test_the_reader_reads(text: str, stages: list[tuple[str, str, str]], user: str):
    read = Containerfile.read(f'{text}\nWORKDIR /\nENTRYPOINT ["a"]\nCMD []')

    assert [(stage.base, stage.name, stage.platform) for stage in read.stages] == stages
    assert read.config()["User"] == user
    assert VARIABLE.search(user) is None
