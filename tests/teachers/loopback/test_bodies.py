"""Bodies are read in every spelling that the SDKs use."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.teachers.loopback.bodies import decode_base64, get, get_whole


@given(st.binary(), st.booleans(), st.booleans())
def test_base64_is_read_in_both_alphabets_with_and_without_padding(data, is_url_safe, is_padded):
    text = (base64.urlsafe_b64encode if is_url_safe else base64.b64encode)(data).decode()
    assert decode_base64(text if is_padded else text.rstrip("="), "data") == data


@pytest.mark.parametrize("text", ["a*b", "é", "a"])
def test_what_is_no_base64_is_named(text):
    with pytest.raises(ValueError, match=r"inlineData\.data is not base64"):
        decode_base64(text, "inlineData.data")


@pytest.mark.parametrize("body", [{"fileUri": "u"}, {"file_uri": "u"}, {"fileUri": None, "file_uri": "u"}])
def test_both_spellings_of_a_name_are_read(body):
    assert get(body, "fileUri") == "u"


def test_a_whole_number_may_be_left_out():
    assert (get_whole({}, "n"), get_whole({"n": 3}, "n")) == (None, 3)
