"""Faults of relays: what its originator keeps among its addressees gets further."""

from sabotage.fault import Fault

_TRUST = "tests/trust/test_relays.py"
_GATE = "tests/policy/gates/test_onward.py"
_BETWEEN = "tests/sharing/test_relays.py"
_SIGNED = "tests/sharing/test_signed.py"
_PASSING = "tests/sharing/test_passing_on.py"
_HOLDING = "tests/exchange/test_holding.py"

RELAYS = (
    Fault(
        name="anybody-relays",
        file="src/ringwall/trust/relays.py",
        find="    if not hops or hops[0].by not in relay.addressees:\n",
        replace="    if not hops:\n",
        test=f"{_TRUST}::test_the_first_hop_is_by_an_addressee",
        why="whoever steals a statement passes it on as if its originator had sent it there",
    ),
    Fault(
        name="addressees-believed",
        file="src/ringwall/trust/relays.py",
        find="    if not in_order or leaf.addressees != to_text(named):\n",
        replace="    if not in_order:\n",
        test=f"{_TRUST}::test_other_addressees_are_refused",
        why="a node makes itself an addressee",
    ),
    Fault(
        name="hop-unsigned",
        file="src/ringwall/trust/relays.py",
        find=(
            "        verify(registry.nodes[hop.by].keys, RELAY_PURPOSE, registry.alliance, "
            "signed, signature)\n"
        ),
        replace="",
        test=f"{_TRUST}::test_a_hop_is_signed_by_its_own_node_with_both_keys",
        why="a node writes hops for others, with whatever limits it likes",
    ),
    Fault(
        name="terms-not-asked",
        file="src/ringwall/policy/gates/onward.py",
        find="    for rule, source, fact in (_off_the_way(asked), _beyond(asked), _kept(asked)):\n",
        replace="    for rule, source, fact in (_off_the_way(asked), _kept(asked)):\n",
        test=f"{_GATE}::test_terms_that_do_not_let_it",
        why="a statement goes on to whom its originator never named",
    ),
    Fault(
        name="red-passed-on",
        file="src/ringwall/policy/gates/onward.py",
        find="    for rule, source, fact in (_off_the_way(asked), _beyond(asked), _kept(asked)):\n",
        replace="    for rule, source, fact in (_off_the_way(asked), _beyond(asked)):\n",
        test=f"{_GATE}::test_some_levels_stay_with_those_who_got_it",
        why="TLP:RED leaves the circle of those it was sent to",
    ),
    Fault(
        name="onward-agreement-ignored",
        file="src/ringwall/sharing/passing_on.py",
        find="        gates = (*decision.gates, agreed, *self._by_way(held, member))\n",
        replace="        gates = (*decision.gates, *self._by_way(held, member))\n",
        test=f"{_BETWEEN}::test_the_agreement_it_came_under_limits_it",
        why="a member passes on what the agreement under which it got it keeps with it",
    ),
    Fault(
        name="waiting-relay-sent",
        file="src/ringwall/sharing/relays.py",
        find="        messages.register(RELAY, self, self._may_leave, self._relaying.closed)\n",
        replace="        messages.register(RELAY, self)\n",
        test=f"{_BETWEEN}::test_a_relay_that_waits_is_not_sent_once_its_agreement_ended",
        why="an agreement ends, and what was asked before still leaves for days",
    ),
    Fault(
        name="relay-replaces-origin",
        file="src/ringwall/exchange/arriving.py",
        find="        return was_relayed\n",
        replace="        return is_relayed\n",
        test=f"{_BETWEEN}::test_what_the_origin_sends_itself_takes_the_place_of_a_relay",
        why="what came from the originator hangs on an agreement with whoever passed it on too",
    ),
    Fault(
        name="grown-group-signed",
        file="src/ringwall/sharing/signed.py",
        find='    if act == "signature":\n',
        replace="    if False:\n",
        test=f"{_SIGNED}::test_a_group_that_grows_takes_the_word_of_all_who_signed_before",
        why="a newcomer to a group gets what officers signed for the others only",
    ),
    Fault(
        name="followed-as-second-person",
        file="src/ringwall/sharing/passing_on.py",
        find="        if asker.reader is None or first is None or first.officer == asker.id:\n",
        replace="        if first is None or first.officer == asker.id:\n",
        test=f"{_PASSING}::test_a_newer_version_is_nobodys_second_word",
        why="one officer is enough for a newer version, because another passed on the one before",
    ),
    Fault(
        name="marked-property-needs-nobody",
        file="src/ringwall/exchange/holding.py",
        find="            rule = self._rules.holding_any(alliance, several, member)\n",
        replace="            rule = self._rules.holding_any(alliance, several[:1], member)\n",
        test=f"{_HOLDING}::test_a_marked_property_that_a_rule_is_about_waits_with_its_object",
        why="what two persons must agree to leaves as a property of something harmless",
    ),
    Fault(
        name="older-version-comes-back",
        file="src/ringwall/sharing/signed.py",
        find="            lose(agreement.id, agreement.version)\n            continue\n",
        replace="            continue\n",
        test=f"{_SIGNED}::test_no_older_version_comes_back_when_a_group_of_the_newer_one_grows",
        why="a group grows, and what a narrower agreement had closed is open again",
    ),
    Fault(
        name="redactions-add-up",
        file="src/ringwall/sharing/passing_on.py",
        find="        if reader is not None or not (kept := self._kept(tx, statement.id, cuts)):\n",
        replace="        if reader is not None or not (kept := {}):\n",
        test=f"{_PASSING}::test_two_redactions_in_one_hand_do_not_add_up",
        why="a member gets under one rule what the rule before withheld, and has both",
    ),
)
