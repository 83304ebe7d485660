"""CNI type -> delegate: what is installed, what is a program, and what is neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delegates.ipam.static import Static
from multinet.delegate import registry
from multinet.delegate.executable import Executable
from multinet.delegate.registry import Registry
from multinet.errors import InvalidConfig, MultinetError

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of that name with these delegates, for this test."""

    def make(distribution: str, **types: str) -> None:
        folder = tmp_path / distribution
        info = folder / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{type_} = {value}\n" for type_, value in types.items())
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}")
        (folder / f"of_{distribution}.py").write_text(
            "from delegates.ipam.static import Static\n\nclass Mine(Static): ...\n\nclass Other: ...\n"
        )
        monkeypatch.syspath_prepend(folder)
        forget()

    def forget() -> None:
        registry.installed.cache_clear()
        registry.load.cache_clear()

    yield make
    monkeypatch.undo()
    forget()


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    return folder / name


def find(type_: str, *path: Path, executables: tuple[str, ...] = ()) -> object:
    return Registry(path=[str(folder) for folder in path], environ={}, executables=executables).find(type_)


def test_a_third_partys_delegate_comes_in_by_the_same_door_as_ours(install: Install):
    install("shiny", shiny="of_shiny:Mine")
    assert type(find("shiny")).__name__ == "Mine"
    assert isinstance(find("shiny"), Static)
    assert find("shiny") is find("shiny")


def test_two_distributions_for_one_type_is_an_error_that_names_both(install: Install):
    install("shiny", shiny="of_shiny:Mine")
    install("dull", shiny="of_dull:Mine")
    with pytest.raises(MultinetError) as caught:
        find("static")
    first, second = sorted(["of_shiny:Mine of shiny", "of_dull:Mine of dull"], key=caught.value.message.find)
    assert (
        caught.value.message == f"two delegates are installed for the CNI type 'shiny': {first} and {second}"
    )
    assert caught.value.hint == "uninstall one of them"


def test_the_same_delegate_found_twice_is_no_conflict(install: Install):
    """As an editable install beside its wheel shows it."""
    install("shiny", shiny="of_shiny:Mine")
    install("shiny2", shiny="of_shiny:Mine")
    assert type(find("shiny")).__name__ == "Mine"


def test_what_is_no_delegate_is_refused_by_its_origin(install: Install):
    install("shiny", shiny="of_shiny:Other")
    with pytest.raises(MultinetError) as caught:
        find("shiny")
    assert caught.value.message == (
        "the delegate installed for the CNI type 'shiny' (of_shiny:Other of shiny) is not one"
    )


def test_installed_wins_unless_the_settings_want_the_program(tmp_path: Path):
    file = program(tmp_path, "static")
    assert isinstance(find("static", tmp_path), Static)
    found = find("static", tmp_path, executables=("static",))
    assert isinstance(found, Executable)
    assert found.file == file


def test_a_program_that_is_wanted_and_missing_is_an_error_and_not_replaced_by_ours(tmp_path: Path):
    with pytest.raises(InvalidConfig) as caught:
        find("static", tmp_path, executables=("static",))
    assert caught.value.message == f'failed to find plugin "static" in path [{tmp_path}]'


def test_the_first_folder_that_has_it_wins_and_folders_are_no_programs(tmp_path: Path):
    (tmp_path / "a" / "mine").mkdir(parents=True)
    file = program(tmp_path / "b", "mine")
    program(tmp_path / "c", "mine")
    found = find("mine", tmp_path / "missing", tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert isinstance(found, Executable)
    assert found.file == file


@pytest.mark.parametrize(
    ("type_", "path", "said"),
    [
        ("", "/a", "no plugin name provided"),
        ("a/b", "/a", "invalid plugin name: a/b"),
        ("..", "/a", "invalid plugin name: .."),
        ("mine", "", "no paths provided"),
        ("mine", "/a:/b", 'failed to find plugin "mine" in path [/a /b]'),
    ],
)
def test_what_can_not_be_found_is_refused(type_: str, path: str, said: str):
    with pytest.raises(InvalidConfig) as caught:
        Registry(path=[part for part in path.split(":") if part], environ={}).find(type_)
    assert (caught.value.message, caught.value.cni_code) == (said, 7)


@pytest.mark.parametrize("type_", ["multinet", "multus", "multus-shim"])
def test_a_meta_plugin_is_nobodys_delegate(type_: str, tmp_path: Path, install: Install):
    """Not as a program, not when it is asked for as one, not even installed."""
    program(tmp_path, type_)
    install("circle", **{type_: "of_circle:Mine"})
    for executables in ((), (type_,)):
        with pytest.raises(InvalidConfig) as refused:
            find(type_, tmp_path, executables=executables)
        assert refused.value.sentence == (
            f"{type_} is a meta plugin, which calls the plugins of networks and is none itself"
        )
