"""Page tokens decode to the cursor they encode, and every other text is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.kernel import paging

CURSORS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(CURSORS)
def test_a_cursor_is_decoded_unchanged(cursor):
    token = paging.encode(cursor)
    assert paging.decode(token) == cursor
    assert token.isascii()
    assert not set(token) & set("=+/&?")


@given(st.text(max_size=60))
def test_text_that_was_not_encoded_is_refused(text):
    with pytest.raises(ValueError, match="not a page token"):
        paging.decode(text)


@pytest.mark.parametrize("token", ["", "1", "A", "AAAAAA", "!" * 8, paging.encode(["2026-01-05", "7"])[:-2]])
def test_damaged_tokens(token):
    with pytest.raises(ValueError, match="not a page token"):
        paging.decode(token)


def test_a_changed_cursor_is_refused():
    raw = bytearray(base64.urlsafe_b64decode(paging.encode(["a"]) + "=="))
    raw[-3] ^= 1
    with pytest.raises(ValueError, match="not a page token"):
        paging.decode(base64.urlsafe_b64encode(raw).decode().rstrip("="))
