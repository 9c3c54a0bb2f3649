"""Observables and search text: what an object can be found by."""

from typing import Any

import pytest

from ringwall.core import canonical_json
from ringwall.stix import observables, search_text
from tests.stix.examples import EXAMPLES, observable


def found(obj: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each.kind, each.value) for each in observables(canonical_json(obj))}


def in_pattern(pattern: str) -> set[tuple[str, str]]:
    return found({**EXAMPLES["indicator"], "pattern": pattern})


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (observable("ipv4-addr", value="192.0.2.1/32"), ("ipv4-addr", "192.0.2.1")),
        (observable("ipv4-addr", value="198.51.100.77/24"), ("ipv4-addr", "198.51.100.0/24")),
        (observable("ipv4-addr", value="not one"), ("ipv4-addr", "not one")),
        (observable("ipv6-addr", value="2001:DB8:0::1"), ("ipv6-addr", "2001:db8::1")),
        (observable("domain-name", value="Mail.Example.COM."), ("domain-name", "mail.example.com")),
        (observable("email-addr", value="Anna@Example.ORG"), ("email-addr", "Anna@example.org")),
        (
            observable("url", value="HTTPS://U:P@Example.com:443/Path?Q=A#F"),
            ("url", "https://U:P@example.com:443/Path?Q=A#F"),
        ),
        (observable("url", value="http://[broken"), ("url", "http://[broken")),
        (observable("mac-addr", value="00:00:5e:00:53:01"), ("mac-addr", "00:00:5e:00:53:01")),
        (observable("file", hashes={"SHA-256": "AB" * 32}), ("file:sha-256", "ab" * 32)),
        (observable("file", name="Invoice.pdf"), ("file:name", "Invoice.pdf")),
        (observable("mutex", name="Once"), ("mutex", "Once")),
        (observable("autonomous-system", number=64496), ("autonomous-system", "64496")),
        (
            observable("windows-registry-key", key="HKLM\\Run"),
            ("windows-registry-key", "hklm\\run"),
        ),
        (
            observable("x509-certificate", hashes={"SHA-1": "AB" * 20}),
            ("x509-certificate:sha-1", "ab" * 20),
        ),
    ],
)
def test_observable_objects(obj: dict[str, Any], expected: tuple[str, str]) -> None:
    assert found(obj) == {expected}


def test_patterns_name_the_same_observables_as_objects_do() -> None:
    assert in_pattern("[domain-name:value = 'Mail.Example.com']") == {
        ("domain-name", "mail.example.com")
    }
    assert in_pattern("[file:hashes.'SHA-256' = 'AB' OR file:hashes.MD5 = 'CD']") == {
        ("file:sha-256", "ab"),
        ("file:md5", "cd"),
    }
    assert in_pattern("[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]") == {
        ("ipv4-addr", "192.0.2.1"),
        ("ipv4-addr", "192.0.2.2"),
    }


def test_values_behind_references_are_found() -> None:
    pattern = (
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND "
        "network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:src_ref.value = "
        "'2001:db8::1' AND network-traffic:dst_port = 443] OR "
        "[email-message:from_ref.value = 'a@EXAMPLE.com'] OR "
        "[network-traffic:dst_ref.value = 'c2.example.com']"
    )
    assert in_pattern(pattern) == {
        ("ipv4-addr", "192.0.2.1"),
        ("ipv6-addr", "2001:db8::1"),
        ("email-addr", "a@example.com"),
        ("domain-name", "c2.example.com"),
    }


def test_what_is_excluded_in_a_pattern_is_no_observable() -> None:
    assert in_pattern("[ipv4-addr:value != '192.0.2.1' AND url:value LIKE 'x%']") == set()


def test_other_pattern_languages_and_objects_have_none() -> None:
    assert found({**EXAMPLES["indicator"], "pattern_type": "yara", "pattern": "rule x {}"}) == set()
    assert found(EXAMPLES["malware"]) == set()


def test_they_come_sorted_and_once() -> None:
    pattern = "[url:value = 'b' OR url:value = 'a' OR url:value = 'a']"
    body = canonical_json({**EXAMPLES["indicator"], "pattern": pattern})
    assert [each.value for each in observables(body)] == ["a", "b"]


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_type_can_be_asked(kind: str) -> None:
    body = canonical_json(EXAMPLES[kind])
    observables(body)
    assert EXAMPLES[kind].get("name", "") in search_text(body)


def test_search_text() -> None:
    obj = {
        **EXAMPLES["threat-actor"],
        "description": "Writes to grid operators",
        "aliases": ["Ardea", "G-7"],
        "external_references": [{"source_name": "list", "external_id": "TA-0001"}],
    }
    assert search_text(canonical_json(obj)).split("\n") == [
        "Heron",
        "Writes to grid operators",
        "Ardea",
        "G-7",
        "TA-0001",
    ]
    assert "ab" * 32 in search_text(
        canonical_json(observable("file", hashes={"SHA-256": "ab" * 32}))
    )
    assert "mail.example.com" in search_text(canonical_json(EXAMPLES["indicator"]))
    assert identifier_free(search_text(canonical_json(EXAMPLES["relationship"])))


def identifier_free(text: str) -> bool:
    return "--" not in text
