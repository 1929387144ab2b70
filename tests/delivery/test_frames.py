"""Frames: what is encoded is decoded again, and nothing else is a frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.delivery.frames import METHOD_CONTROL, METHOD_DATA, Frame, decode, encode

PING = Frame(METHOD_CONTROL, {"type": "ping"})
NUMBERS = b"\x08\x00\x10\x00\x18\x00\x20\x00"

texts = st.text(st.characters(exclude_categories=["Cs"]))
frames = st.builds(
    Frame,
    st.integers(-(2**31), 2**31 - 1),
    st.dictionaries(texts, texts),
    st.binary(),
    st.integers(-(2**31), 2**31 - 1),
    seq_id=st.integers(0, 2**64 - 1),
    log_id=st.integers(0, 2**64 - 1),
)


@given(frames)
def test_a_frame_is_decoded_as_it_was_encoded(frame):
    assert decode(encode(frame)) == frame


def test_the_bytes_of_a_frame():
    frame = Frame(METHOD_DATA, {"k": "v"}, b"payload", 9, seq_id=300, log_id=8)
    encoded = b"\x08\xac\x02\x10\x08\x18\x09\x20\x01\x2a\x06\x0a\x01k\x12\x01v\x42\x07payload"
    assert encode(frame) == encoded
    assert decode(encoded + b"\x32\x04gzip\x3a\x04json\x4a\x02id") == frame  # the other fields are ignored


def test_numbers_are_encoded_even_if_they_are_0():
    assert encode(PING) == NUMBERS + b"\x2a\x0c\x0a\x04type\x12\x04ping"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello world",
        NUMBERS[:-2],
        encode(PING)[:-1],
        NUMBERS + b"\x2a\x06\x0a\x04type",  # a header without a value
        NUMBERS + b"\x2a\x08\x0a\x02\xff\xfe\x12\x02no",
        NUMBERS + b"\x2a\x08\x0a\x02no\x12\x02\xff\xfe",
    ],
)
def test_what_is_not_a_frame(data):
    with pytest.raises(ValueError, match=r"frame|header"):
        decode(data)


def test_a_frame_may_have_no_headers_and_an_unknown_field():
    assert decode(NUMBERS) == Frame(METHOD_CONTROL, {})
    assert decode(NUMBERS + b"\x78\x01") == Frame(METHOD_CONTROL, {})
