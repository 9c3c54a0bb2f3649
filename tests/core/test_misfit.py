"""The place of what does not fit: a JSON pointer out of a sentence."""

import msgspec
import pytest

from ringwall.core import place_of


class _Inner(msgspec.Struct):
    hops: int


class _Outer(msgspec.Struct):
    inner: list[_Inner] = []
    named: dict[str, _Inner] = {}


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"[]", ""),
        (b'{"inner":1}', "/inner"),
        (b'{"inner":[{"hops":1},{"hops":"x"}]}', "/inner/1/hops"),
        (b'{"named":{"a":{"hops":"x"}}}', "/named/hops"),
    ],
)
def test_it_is_found(raw: bytes, pointer: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(raw, type=_Outer)
    problem, place = place_of(caught.value)
    assert place == pointer
    assert problem.startswith("Expected ")
    assert "$" not in problem
