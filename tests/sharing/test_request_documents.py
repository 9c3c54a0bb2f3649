"""Words of people: one clean paragraph, whatever was typed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput
from ringwall.sharing.request_documents import LONGEST_TEXT, check_paragraph, paragraph


@given(st.text(max_size=LONGEST_TEXT // 4))
def test_a_paragraph_is_one_line_without_invisible_characters_and_stays_as_it_is(text: str) -> None:
    cleaned = paragraph(f"{text}.", "reason")
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    assert not any(unicodedata.category(each)[0] == "C" for each in cleaned)
    assert not any(unicodedata.category(each)[0] == "Z" and each != " " for each in cleaned)
    check_paragraph(cleaned, "reason")


@pytest.mark.parametrize("text", [" a", "a ", "a  b", "a\nb", "a\u202eb", "a\x00b", "e\u0301"])
def test_what_is_not_clean_is_refused_from_a_peer(text: str) -> None:
    with pytest.raises(InvalidInput) as failed:
        check_paragraph(text, "words")
    assert (failed.value.field, failed.value.rule) == ("words", "text")
