"""Faults of redaction: what is withheld from one member, or from one reader, leaks."""

from sabotage.fault import Fault

_TRUST = "tests/trust/test_redaction.py"
_STORE = "tests/store/test_redactions.py"
_DECIDED = "tests/exchange/test_redacting.py"
_BETWEEN = "tests/exchange/test_redaction.py"
_KEPT = "tests/exchange/test_redaction_kept.py"

REDACTION = (
    Fault(
        name="seed-sent-with-redaction",
        file="src/ringwall/trust/statements.py",
        find='        b"" if disclosure else seed,\n',
        replace="        seed,\n",
        test=f"{_TRUST}::test_a_redaction_is_sealed_without_its_seed",
        why="whoever gets a redaction makes every salt from the seed, and guesses what is withheld",
    ),
    Fault(
        name="withheld-fields-sealed",
        file="src/ringwall/exchange/parting.py",
        find="    if part.withheld:\n",
        replace="    if False:\n",
        test=f"{_BETWEEN}::test_a_rule_withholds_a_field_and_nothing_of_it_gets_to_the_member",
        why="the officer is told that a field is withheld, and it is sent",
    ),
    Fault(
        name="redaction-rule-ignored",
        file="src/ringwall/exchange/redacting.py",
        find='                *self._ruled(subject.object_type, members.get(node, "")),\n',
        replace="",
        test=f"{_DECIDED}::test_each_node_gets_exactly_what_no_rule_and_no_reference_withholds",
        why="a member's own rules withhold nothing",
    ),
    Fault(
        name="withheld-object-named",
        file="src/ringwall/exchange/redacting.py",
        find="                *_unknown_to(named, restricted, node, members.get(node, node)),\n",
        replace="",
        test=f"{_DECIDED}::test_who_may_not_know_of_an_object_does_not_see_it_named",
        why="a member learns which objects it may not have, from those that name them",
    ),
    Fault(
        name="withheld-field-indexed",
        file="src/ringwall/store/parts.py",
        find="    if _GRANULAR not in body:\n",
        replace="    if body:\n",
        test=f"{_STORE}::test_an_object_is_found_by_what_carries_no_marking",
        why="a reader finds out by searching what stands in a property that it may not see",
    ),
    Fault(
        name="property-for-few-shown",
        file="src/ringwall/store/shown.py",
        find="        return self._placed(_redact(row, hidden) if hidden else row)\n",
        replace="        return self._placed(row)\n",
        test=f"{_STORE}::test_what_is_shown_without_a_property_still_proves_itself",
        why="a reader sees properties above its clearance, and the seed of all of them",
    ),
    Fault(
        name="unreadable-object-betrayed",
        file="src/ringwall/exchange/redacting.py",
        find="            if reader is None or self.counts(known.release_class, reader):\n",
        replace="            if True:\n",
        test=f"{_BETWEEN}::test_whoever_may_not_read_an_object_learns_nothing_by_naming_it",
        why="a submitter finds out what the node holds above its clearance, by naming it",
    ),
    Fault(
        name="identifier-betrays-content",
        file="src/ringwall/stix/leaving_out.py",
        find='    if object_id[-22:-21] == "5":\n',
        replace="    if False:\n",
        test=f"{_BETWEEN}::test_an_identifier_made_from_content_does_not_betray_it",
        why="a withheld file name is guessed by the identifier that was made from it",
    ),
    Fault(
        name="narrower-replaces-wider",
        file="src/ringwall/exchange/arriving.py",
        find="    return is_wider(new.disclosure, before.disclosure)\n",
        replace="    return new.disclosure != before.disclosure\n",
        test=f"{_KEPT}::test_a_wider_redaction_takes_the_place_of_a_narrower_and_never_back",
        why="an old redaction that the hub delivers again takes away what a member was given",
    ),
)
