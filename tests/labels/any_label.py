"""Labels of every kind, for properties that must hold for all of them."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from ringwall.core import canonical_json, format_timestamp, parse_json
from ringwall.labels import NOBODY, Category, Confidentiality, Iep, Label, Pap, Tlp, acs_text
from ringwall.labels.confidentiality import KINDS, categories
from ringwall.labels.iep import Actions, Attribution, Encryption, Permission

ACS_PROPERTIES: dict[str, Any] = {
    "identifier": "isa:guide.19001.ACS3-6b142579-f21c-4199-865c-207d9df7313c",
    "name": "Law enforcement only",
    "create_date_time": "2018-05-27T14:10:26.723Z",
    "responsible_entity_custodian": "USA.DOJ.FBI",
    "policy_reference": "urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault=deny",
    "control_set": {
        "classification": "U",
        "formal_determination": ["FOUO"],
        "permitted_nationalities": ["USA", "GBR"],
    },
    "access_privilege": [
        {
            "privilege_action": "DSPLY",
            "privilege_scope": {"permitted_organizations": ["ALL"]},
            "rule_effect": "permit",
        }
    ],
    "further_sharing": [{"sharing_scope": ["USA.USG"], "rule_effect": "permit"}],
}
"""An ACS marking as it is found, all of whose parts are understood."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(format_timestamp)  # noqa: DTZ001
_texts = st.text(max_size=8)
_names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name != NOBODY
)


def _sorted_tuples(items: Any, most: int = 3) -> Any:
    return st.lists(items, max_size=most).map(lambda each: tuple(sorted(set(each))))


_categories = st.builds(
    Category,
    tag=st.text(min_size=1, max_size=8),
    values=_sorted_tuples(_texts),
    kind=st.sampled_from(sorted(KINDS)),
    uri=_texts,
)
_confidentialities = st.builds(
    Confidentiality,
    policy=st.text(min_size=1, max_size=8),
    classification=st.text(min_size=1, max_size=8),
    categories=st.lists(_categories, max_size=3).map(categories),
    policy_uri=_texts,
    privacy_mark=_texts,
)
policies = st.builds(
    Iep,
    id=_texts,
    name=_texts,
    version=st.sampled_from(["", "2.0"]),
    description=_texts,
    reference=_texts | st.sampled_from(["https://example.com/iep", "urn:x y", "two\nlines"]),
    start=st.just("") | moments,
    end=st.just("") | moments,
    encryption=st.sampled_from(Encryption),
    actions=st.sampled_from(Actions),
    notifications=st.sampled_from(Permission),
    attribution=st.sampled_from(Attribution),
    resale=st.sampled_from(Permission),
    tlp=st.sampled_from(["", "white", "green", "amber", "red", "RED"]),
)
_acs_texts = (
    st.dictionaries(st.text(max_size=8), json_values, max_size=3)
    .map(lambda properties: parse_json(canonical_json(properties)))
    .map(acs_text)
) | st.just(acs_text(ACS_PROPERTIES))

labels = st.builds(
    Label,
    tlp=st.none() | st.sampled_from(Tlp),
    rel_to=st.none() | _sorted_tuples(_names, 4),
    confidentiality=st.none() | _confidentialities,
    alternatives=st.lists(_confidentialities, max_size=2).map(
        lambda each: tuple(sorted(set(each), key=repr))
    ),
    pap=st.none() | st.sampled_from(Pap),
    iep=_sorted_tuples(policies, 2),
    acs=_sorted_tuples(_acs_texts, 2),
    created=st.just("") | moments,
    review=st.just("") | moments,
    unknown=_sorted_tuples(st.text(max_size=5)),
)
"""Any label that a label document can hold."""
