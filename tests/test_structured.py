"""JSON and YAML of strangers: read as it is meant, or refused at once and in one short line."""

import time

import pytest

from core.structured import DEEPEST, LONGEST, StructureError, decoded, read_json, read_yaml

HOSTILE = {
    "aliases of aliases": "a: &a [x, x, x, x, x, x, x, x]\n"
    + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]" for n in range(9)),
    "a list that holds itself": "a: &a [*a]",
    "a word that is no truth": "a: !!bool perhaps",
    "a word that is no time": "a: !!timestamp soon",
    "a number of many digits": "a: 0x" + "f" * 20_000,
    "a deep text": "a: " + "[" * 3_000 + "]" * 3_000,
    "a deep text that just parses": "a: " + "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2),
    "a long text": "a: " + "x" * (LONGEST + 1),
    "an infinite number": "a: .inf",
    "a set": "a: !!set {x, y}",
    "a python object": "a: !!python/object/apply:os.getcwd []",
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_meant_is_refused_at_once_and_in_short(kind: str) -> None:
    begun = time.process_time()
    with pytest.raises(StructureError) as refusal:
        read_yaml(HOSTILE[kind])
    assert (
        time.process_time() - begun < 2 and len(str(refusal.value)) < 250 and "\n" not in str(refusal.value)
    )


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": ' * 40 + "1" + "}" * 40, '{"a": NaN}', "{", '{"a": 1e999}']
)
def test_such_json_is_refused_too(text: str) -> None:
    with pytest.raises(StructureError):
        read_json(text)


def test_an_alias_that_is_no_bomb_is_followed() -> None:
    assert read_yaml("a: &a {min: 1}\nb: *a") == {"a": {"min": 1}, "b": {"min": 1}}


def test_an_exponent_is_a_number_and_what_is_quoted_is_a_word() -> None:
    assert read_yaml('[1e-4, 1E+3, "1e-4", "0.001", 0.001]') == [1e-4, 1e3, "1e-4", "0.001", 0.001]


def test_empty_documents_before_and_behind_do_not_count() -> None:
    assert read_yaml("---\na: 1\n---\n") == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_written_as_windows_does(encoding: str) -> None:
    assert read_json(decoded('{"a": "ü"}'.encode(encoding))) == {"a": "ü"}


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(StructureError, match="save it as UTF-8"):
        decoded(b"\xff\x00\x81\xfe\xff")
