"""Numbers and sentences as a person reads them."""

from __future__ import annotations

import pytest

from multinet.daemon.page.text import age, duration, many, moment, split


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3.0, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (7200.0, "2 h"),
        (86400.0, "1 d"),
        (9e6, "104 d"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, said: str):
    assert age(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0 ms"), (0.00056, "0.56 ms"), (0.0234, "23 ms"), (0.1934, "193 ms"), (1.44, "1.4 s")],
)
def test_a_duration_has_the_digits_that_are_known(seconds: float, said: str):
    assert duration(seconds) == said


def test_large_numbers_can_be_read():
    assert (many(250), many(65529), many(2**64)) == ("250", "65\u202f529", "1.8e+19")
    assert moment(1_795_291_242.07) == "2026-11-21 20:00:42"


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("no addresses left (free some)", ("no addresses left", "free some")),
        ("it (br0) is gone (make it (again))", ("it (br0) is gone", "make it (again)")),
        ("it is gone", ("it is gone", "")),
        ("half)", ("half)", "")),
        ("", ("", "")),
    ],
)
def test_what_to_do_next_is_what_stands_in_brackets_at_the_end(sentence: str, parts: tuple[str, str]):
    assert split(sentence) == parts
