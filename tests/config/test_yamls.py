"""What YAML can say to bring its reader down, refused before it does; with the line, as any other mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from multinet import yamls
from multinet.cli import objects
from multinet.config import Settings
from multinet.errors import DecodingFailure, InvalidConfig
from multinet.folder import cluster
from multinet.kube import kubeconfig

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "more than 64 lists and objects inside each other"
MANY = "more than 1000000 values"
ITSELF = "a value that contains itself"


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("[" * 100_000, DEEP, 1),
        ("a: b\nc: " + "{a: " * 10_000, DEEP, 2),
        ("- " * 10_000, DEEP, 1),
        (LAUGHS, MANY, 7),
        ("a: &a\n  b: [*a]\n", ITSELF, 2),
        ("- &a [*a]\n", ITSELF, 1),
    ],
    ids=["brackets", "braces", "dashes", "laughs", "an object in itself", "a list in itself"],
)
def test_what_has_no_end_is_refused_where_it_becomes_too_much(text: str, problem: str, line: int):
    """libyaml's binding goes into lists in C: the process would have ended by the first of these."""
    for read in (yamls.load, lambda said: list(yamls.load_all(said))):
        with pytest.raises(yaml.MarkedYAMLError) as caught:
            read(text)
        assert caught.value.problem == problem
        assert caught.value.problem_mark is not None
        assert caught.value.problem_mark.line + 1 == line


def test_aliases_are_read_where_they_are_as_many_as_they_look():
    assert yamls.load("a: &x [1, &y {b: 2}]\nc: *x\nd: *y\n") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": {"b": 2},
    }
    assert yamls.load("") is None
    assert [document for _, document in yamls.load_all("--- a\n--- [b]\n")] == ["a", ["b"]]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "delegates: &a [*a]\n", LAUGHS], ids=["deep", "itself", "laughs"]
)
def test_whoever_reads_a_file_says_what_is_wrong_with_it(tmp_path: Path, text: str):
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(DecodingFailure, match="it is neither JSON nor YAML: "):
        Settings.load(file)
    with pytest.raises(DecodingFailure, match=r"file\.yaml is not YAML: .* \(line \d+, column \d+\)"):
        list(cluster.read_objects(file))
    with pytest.raises(DecodingFailure, match=r"it is not YAML: .* \(line \d+, column \d+\)"):
        list(objects.read(file))
    with pytest.raises(InvalidConfig, match="it is not YAML: "):
        kubeconfig.read(file)
