"""Bodies that do not have the shape of their route: the place of what is wrong is named."""

from typing import Annotated

import msgspec
import pytest

from ringwall.core import InvalidInput
from ringwall.server.shapes import LONGEST, read_shape


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    hops: Annotated[int, msgspec.Meta(le=9)] = 0


class _Outer(msgspec.Struct, forbid_unknown_fields=True):
    days: int
    inner: list[_Inner] = []


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{}", "days"),
        (b'{"days":"x"}', "days"),
        (b'{"days":1,"more":2}', "more"),
        (b'{"days":1,"inner":[{"hops":10}]}', "inner/0/hops"),
        (b'{"days":1,"inner":[{"jump":1}]}', "inner/0/jump"),
        (b"[]", "body"),
    ],
)
def test_the_field_is_the_place(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_shape(raw, _Outer, "thing")
    assert (caught.value.field, caught.value.rule) == (field, "shape")
    assert str(caught.value).startswith("thing: ")


def test_a_body_of_its_shape_is_read() -> None:
    assert read_shape(b'{"days":1,"inner":[{"hops":2}]}', _Outer, "thing").inner[0].hops == 2


def test_little_of_a_long_name_is_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_shape(b'{"days":1,"%s":1}' % (b"x" * 10_000), _Outer, "thing")
    assert len(caught.value.field) == LONGEST
    assert len(str(caught.value)) < 3 * LONGEST
