"""CNI_ARGS: what is read from it, and who complains about it when."""

from __future__ import annotations

import pytest

from multinet.cni.args import Args
from multinet.errors import InvalidConfig

POD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0"


def refusal(text: str, *keys: str) -> str:
    with pytest.raises(InvalidConfig) as caught:
        Args.parse(text).known(*keys)
    return str(caught.value)


def test_pairs_are_read_and_of_two_with_one_key_the_later_counts():
    args = Args.parse("IP=10.1.2.3;MAC=;IP=10.1.2.4")
    assert args.pairs == {"IP": "10.1.2.4", "MAC": ""}
    assert args.known("IP", "MAC", "GATEWAY") == {"IP": "10.1.2.4", "MAC": ""}
    assert args.get("IP") == "10.1.2.4"
    assert args.get("GATEWAY", "none") == "none"


def test_nothing_is_nothing():
    assert Args.parse("").known("IP") == {}
    assert Args.parse("").pairs == {}
    assert Args().known() == {}


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "True", "tRuE"])
def test_other_keys_pass_when_they_are_to_be_ignored(word: str) -> None:
    assert Args.parse(f"A=1;IgnoreUnknown={word};IP=10.1.2.3").known("IP") == {"IP": "10.1.2.3"}
    assert Args.parse(POD).known() == {}


@pytest.mark.parametrize("word", ["0", "false", "FALSE"])
def test_other_keys_are_refused_otherwise(word: str) -> None:
    assert refusal(f"A=1;IgnoreUnknown={word};B=2", "IP") == (
        'ARGS: unknown args ["A=1" "B=2"] (IgnoreUnknown=1 lets other keys pass)'
    )


def test_the_last_word_on_ignoring_counts():
    assert Args.parse("A=1;IgnoreUnknown=0;IgnoreUnknown=1").known() == {}
    assert refusal("A=1;IgnoreUnknown=1;IgnoreUnknown=0") == (
        'ARGS: unknown args ["A=1"] (IgnoreUnknown=1 lets other keys pass)'
    )


def test_keys_are_matched_letter_by_letter_and_the_nearest_is_named():
    assert refusal("ip=10.1.2.3", "IP") == 'ARGS: unknown args ["ip=10.1.2.3"] (did you mean IP?)'
    assert refusal("ignoreUnknown=1;A=2", "IP").startswith('ARGS: unknown args ["ignoreUnknown=1" "A=2"]')


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("IP=10.1.2.3;", '""'),
        (";", '""'),
        ("IP", '"IP"'),
        ("IgnoreUnknown=1;A=b=c", '"A=b=c"'),
        ('A"B', r'"A\"B"'),
        ("A\nB", r'"A\nB"'),
    ],
)
def test_a_piece_that_is_no_pair_is_refused_even_when_unknown_ones_pass(text: str, pair: str) -> None:
    assert refusal(text, "IP") == f"ARGS: invalid pair {pair} (CNI_ARGS reads KEY=VALUE;KEY=VALUE)"


def test_a_switch_that_is_none_is_refused():
    assert refusal("IgnoreUnknown=Yes") == (
        'ARGS: error parsing value of pair "IgnoreUnknown=Yes": boolean unmarshal error: invalid input yes'
    )


def test_the_first_fault_is_told():
    assert refusal("A;IgnoreUnknown=yes").startswith('ARGS: invalid pair "A"')
    assert refusal("IgnoreUnknown=yes;A").startswith("ARGS: error parsing value")


def test_who_does_not_ask_does_not_complain():
    assert Args.parse("A;B=c=d;IgnoreUnknown=maybe;E=f").pairs == {"IgnoreUnknown": "maybe", "E": "f"}


@pytest.mark.parametrize("text", ["A=1", "A", "IP=10.1.2.3;", "IgnoreUnknown=maybe;B"])
def test_where_things_are_cleared_up_nothing_in_it_is_an_error(text: str) -> None:
    found = Args.parse(text, lenient=True).known("IP")
    assert found == ({"IP": "10.1.2.3"} if "IP=" in text else {})


def test_a_plugin_words_what_is_wrong_with_a_value_as_the_reference_does():
    error = Args.parse("IP=ten").wrong("IP", 'invalid IP address: "ten"')
    assert str(error) == 'ARGS: error parsing value of pair "IP=ten": invalid IP address: "ten"'
    assert error.cni_code == 7
