"""Faults of the TAXII server: what bleeds, skips, leaks or takes back what others have."""

from sabotage.fault import Fault

_PAGES = "tests/server/test_taxii_pages.py"
_COLLECTIONS = "tests/server/test_taxii_collections.py"
_MARKINGS = "tests/server/test_taxii_markings.py"
_WITHDRAWAL = "tests/exchange/test_withdrawal.py"

TAXII = (
    Fault(
        name="taxii-page-before-its-entry",
        file="src/ringwall/server/taxii.py",
        find="    page.wait()\n    return Answer(",
        replace="    return Answer(",
        test=f"{_PAGES}::test_no_page_leaves_before_its_read_is_in_the_log",
        why="content leaves, the node crashes, and the log does not know",
    ),
    Fault(
        name="taxii-cursor-for-any-collection",
        file="src/ringwall/server/taxii_query.py",
        find="    if wanted.collection != collection:",
        replace="    if False:",
        test=f"{_PAGES}::test_a_cursor_belongs_to_its_collection_and_its_object",
        why="a tool that follows one collection goes on in another",
    ),
    Fault(
        name="taxii-cursor-without-filters",
        file="src/ringwall/server/taxii_query.py",
        find="        continued = msgspec.structs.replace(\n            self,",
        replace="        continued = msgspec.structs.replace(\n            Wanted(),",
        test=f"{_PAGES}::test_a_cursor_carries_every_filter",
        why="a client that asked for indicators gets everything from its second page on",
    ),
    Fault(
        name="taxii-withheld-source-listed",
        file="src/ringwall/server/taxii_collections.py",
        find='    return collection.member in ("", own) or collection.member in sources',
        replace="    return True or own in sources",
        test=f"{_COLLECTIONS}::test_a_source_that_is_withheld_looks_like_one_that_states_nothing",
        why="collections differ between members that state nothing and those that are withheld",
    ),
    Fault(
        name="taxii-label-not-shown",
        file="src/ringwall/server/taxii_markings.py",
        find="        return mark.head + row.body[1:]",
        replace="        return row.body",
        test=f"{_MARKINGS}::test_a_named_label_leaves_as_its_marking",
        why="a SIEM takes what was submitted as TLP:AMBER for unmarked, and passes it on",
    ),
    Fault(
        name="taxii-strict-is-amber-for-old-clients",
        file="src/ringwall/server/taxii_markings.py",
        find="    Tlp.AMBER_STRICT: _TLP_1_RED,",
        replace='    Tlp.AMBER_STRICT: "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",',
        test=f"{_MARKINGS}::test_an_old_client_gets_tlp_1_by_a_setting_of_its_reader",
        why="what must not leave an organisation leaves it by a client that knows TLP 1",
    ),
    Fault(
        name="taxii-every-statement-of-a-version",
        file="src/ringwall/server/taxii_pages.py",
        find="        known = versions.get(at)",
        replace="        known = None",
        test=f"{_PAGES}::test_every_version_has_one_place_under_the_most_open_label",
        why="an object is marked by the label that happens to have come last",
    ),
    Fault(
        name="withdrawn-after-it-left",
        file="src/ringwall/exchange/withdrawal.py",
        find="    if statement.origin != node or held.proof is not None:",
        replace="    if False:",
        test=f"{_WITHDRAWAL}::test_what_is_sealed_stays_and_nothing_else_goes_with_it",
        why="an analyst believes that what others have was taken back",
    ),
    Fault(
        name="withdrawn-and-sealed-at-once",
        file="src/ringwall/exchange/outbox.py",
        find="        if tx.meta(WITHDRAWALS) != pending.withdrawals:",
        replace="        if False:",
        test=(
            f"{_WITHDRAWAL}"
            "::test_what_is_withdrawn_while_it_is_being_sealed_is_sealed_anew_without_it"
        ),
        why="what was taken back in time leaves all the same",
    ),
    Fault(
        name="withdrawn-is-known",
        file="src/ringwall/exchange/intake.py",
        find="if is_withdrawn(tx, before) or ",
        replace="if ",
        test=f"{_WITHDRAWAL}::test_it_can_be_stated_again_even_otherwise",
        why="who states again what was deleted is told that it is there, and nobody has it",
    ),
)
