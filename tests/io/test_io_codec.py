"""Gzip that holds nothing but the data."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efface.errors import UnreadableImageError
from efface.io import codec


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000))
def test_zlib_reads_what_we_write(data):
    packed = codec.compress(data)
    assert gzip.decompress(packed) == data
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert codec.compress(data) == packed


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4).filter(any), st.integers(0, 9))
def test_we_read_what_zlib_writes_in_any_number_of_members(parts, level):
    packed = b"".join(gzip.compress(part, level) for part in parts)
    assert codec.decompress(packed) == b"".join(parts)
    assert codec.decompress(packed + bytes(100)) == b"".join(parts), "padding of zeros, as tapes leave it"


def test_name_and_time_of_the_input_are_skipped():
    deflated = zlib.compress(b"data", wbits=31)
    named = deflated[:3] + b"\x08" + b"abcd" + deflated[8:10] + b"Jane.nii\0" + deflated[10:]
    assert codec.decompress(named) == b"data"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (gzip.compress(b"abc") + b"rubbish" * 5, "corrupt"),
        (b"\x1f\x8b", "truncated"),
        (b"\x1f\x8b\x07" + bytes(20), "corrupt"),
    ],
)
def test_bad_gzip_is_named(data, word):
    with pytest.raises(UnreadableImageError, match=f"^scan: .*{word}"):
        codec.decompress(data, "scan")
