"""Versions: how they are read and compared, which one a list means, and what VERSION says."""

from __future__ import annotations

import json

import pytest

from multinet.cni import versions
from multinet.errors import DecodingFailure, IncompatibleVersion

HINT = " (a version reads like 1.1.0)"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.1.0", (1, 1, 0)),
        ("1", (1, 0, 0)),
        ("0.4", (0, 4, 0)),
        ("", (0, 1, 0)),
        ("10.20.30", (10, 20, 30)),
        ("01.002.0", (1, 2, 0)),
    ],
)
def test_one_to_three_numbers_make_a_version(text: str, numbers: tuple[int, int, int]) -> None:
    assert versions.parse(text) == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.2.3.4", 'invalid version "1.2.3.4": too many parts'),
        ("x", f'failed to convert major version part "x": expected a whole number{HINT}'),
        ("v1.0.0", f'failed to convert major version part "v1": expected a whole number{HINT}'),
        ("1.", f'failed to convert minor version part "": expected a whole number{HINT}'),
        ("1.0.0-rc1", f'failed to convert micro version part "0-rc1": expected a whole number{HINT}'),
        ("1.1_0", f'failed to convert minor version part "1_0": expected a whole number{HINT}'),
        (" 1", f'failed to convert major version part " 1": expected a whole number{HINT}'),
        ("\u0661", f'failed to convert major version part "\u0661": expected a whole number{HINT}'),
        ("9" * 30, f'failed to convert major version part "{"9" * 30}": expected a whole number{HINT}'),
    ],
)
def test_anything_else_is_no_version(text: str, message: str) -> None:
    with pytest.raises(DecodingFailure) as caught:
        versions.parse(text)
    assert str(caught.value) == message


def test_versions_are_compared_number_by_number():
    assert versions.at_least("1.0.0", "0.4.0")
    assert versions.at_least("0.4", "0.4.0")
    assert versions.at_least("0.10.0", "0.9.0")
    assert not versions.at_least("0.3.1", "0.4.0")
    assert not versions.at_least("", "0.2.0")
    assert list(versions.SUPPORTED) == sorted(versions.SUPPORTED, key=versions.parse)


@pytest.mark.parametrize(
    ("cni_version", "cni_versions", "chosen"),
    [
        ("0.4.0", None, "0.4.0"),
        ("", None, "0.1.0"),
        ("9.0.0", None, "9.0.0"),
        ("", ["0.3.1", "1.0.0", "0.4.0"], "1.0.0"),
        ("1.1.0", ["0.3.1", "1.0.0"], "1.1.0"),
        ("0.3.0", ["1.0.0", "2.0.0"], "1.0.0"),
        ("3.0.0", ["0.4.0", "2.0.0"], "0.4.0"),
        ("3.0.0", ["2.0.0"], "3.0.0"),
        ("", ["2.0.0"], "0.1.0"),
        ("0.4.0", [], "0.4.0"),
        ("", [], "0.1.0"),
    ],
)
def test_a_list_means_the_highest_version_that_is_known(
    cni_version: str, cni_versions: list[str] | None, chosen: str
) -> None:
    assert versions.choose(cni_version, cni_versions) == chosen


def test_a_list_that_names_a_wrong_version_is_refused():
    with pytest.raises(DecodingFailure) as caught:
        versions.choose("", ["1.0.0", "new"])
    assert str(caught.value) == (
        'invalid cniVersions entry new at index 1: failed to convert major version part "new": '
        f"expected a whole number{HINT}"
    )
    with pytest.raises(DecodingFailure) as caught:
        versions.choose("new", ["1.0.0"])
    assert str(caught.value) == (
        f'invalid cniVersion new: failed to convert major version part "new": expected a whole number{HINT}'
    )


@pytest.mark.parametrize("version", ["2.0.0", "0.3", "", "1.1.0 "])
def test_a_plugin_serves_the_versions_that_it_names_and_no_others(version: str) -> None:
    versions.reconcile("0.4.0", ("0.4.0", "1.0.0"))
    with pytest.raises(IncompatibleVersion) as caught:
        versions.reconcile(version, ("0.4.0", "1.0.0"))
    assert caught.value.cni_code == 1
    assert str(caught.value) == "incompatible CNI versions"
    assert caught.value.details == f'config is "{version}", plugin supports ["0.4.0" "1.0.0"]'


def test_version_prints_the_newest_version_and_what_is_served():
    assert versions.version_answer(("0.4.0", "1.0.0")) == (
        b'{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}\n'
    )


def test_the_answer_to_version_is_json():
    assert json.loads(versions.version_answer(versions.SUPPORTED)) == {
        "cniVersion": "1.1.0",
        "supportedVersions": list(versions.SUPPORTED),
    }
