"""Faults of identity: somebody comes in who must not, or with more than they have."""

from sabotage.fault import Fault

_ALLIANCE = "tests/alliance/test_assertions.py"
_PROVIDER = "tests/identity/test_provider.py"
_PASSKEYS = "tests/server/test_passkeys.py"
_CREDENTIALS = "tests/server/test_credentials.py"
_RANKS = "tests/server/test_credentials_ranks.py"
_FEDERATED = "tests/server/test_federated.py"

IDENTITY = (
    Fault(
        name="asserted-beyond-the-registry",
        file="src/ringwall/alliance/assertions.py",
        find="    roles = reader.roles & ceiling.roles & ROLES\n",
        replace="    roles = reader.roles & ROLES\n",
        test=f"{_ALLIANCE}::test_a_cut_is_within_the_ceiling_and_takes_nothing_else",
        why="a member's provider makes anybody a release officer",
    ),
    Fault(
        name="former-reader-lives-on",
        file="src/ringwall/alliance/assertions.py",
        find="    return _FEDERATED.fullmatch(name) is not None\n",
        replace="    return True\n",
        test="tests/identity/test_people.py::test_no_document_changes_whom_the_description_names",
        why="a reader who was taken out of the description goes on as an asserted one",
    ),
    Fault(
        name="nonce-not-compared",
        file="src/ringwall/identity/id_token.py",
        find='    if claims.get("nonce") != nonce:\n',
        replace="    if False:\n",
        test=f"{_PROVIDER}::test_the_nonce_of_an_earlier_login_is_refused",
        why="a token that was stolen once logs in again",
    ),
    Fault(
        name="provider-sends-on",
        file="src/ringwall/identity/provider.py",
        find="follow_redirects=False",
        replace="follow_redirects=True",
        test=f"{_PROVIDER}::test_no_redirect_takes_a_code_or_a_secret_elsewhere",
        why="codes and the client's secret follow a redirect",
    ),
    Fault(
        name="login-of-another-browser",
        file="src/ringwall/server/federated.py",
        find="    if not hmac.compare_digest(",
        replace="    if False and not hmac.compare_digest(",
        test=f"{_FEDERATED}::test_an_answer_belongs_to_the_browser_that_began",
        why="a site logs its visitor in as somebody else",
    ),
    Fault(
        name="stream-keeps-old-rights",
        file="src/ringwall/server/events.py",
        find="    call = replace(call, caller=_listener(call, access))\n",
        replace="    _listener(call, access)\n",
        test=f"{_FEDERATED}::test_what_the_provider_takes_back_is_gone_from_an_open_event_stream",
        why="whoever holds a stream open keeps what the provider took back",
    ),
    Fault(
        name="login-used-twice",
        file="src/ringwall/identity/sealed.py",
        find="    if tx.document(ONE_TIME, member, key, at) is not None:\n",
        replace="    if False:\n",
        test="tests/identity/test_sealed.py::test_it_is_used_once",
        why="a login that was overheard is played again",
    ),
    Fault(
        name="copied-passkey-accepted",
        file="src/ringwall/identity/passkeys.py",
        find="    if (kept.sign_count or use.sign_count) and use.sign_count <= kept.sign_count:\n",
        replace="    if False:\n",
        test=f"{_PASSKEYS}::test_a_count_that_does_not_rise_shows_a_copied_key",
        why="the copy of an authenticator's key works as long as the key",
    ),
    Fault(
        name="rank-not-compared",
        file="src/ringwall/identity/people.py",
        find="    if actor.rank < target.rank:\n",
        replace="    if False:\n",
        test=f"{_RANKS}::test_cve_2026_44380_the_highest_role_decides",
        why="a policy officer takes the administrators' credentials away",
    ),
    Fault(
        name="link-without-second-person",
        file="src/ringwall/identity/links.py",
        find='    return reader.roles != {"administrator"}\n',
        replace="    return False\n",
        test=f"{_CREDENTIALS}::test_a_link_for_anybody_but_an_administrator_needs_two_people",
        why="an administrator reads content under an analyst's name",
    ),
    Fault(
        name="scope-not-demanded",
        file="src/ringwall/server/access.py",
        find="    if access.scopes and not access.scopes & caller.scopes:\n",
        replace="    if False:\n",
        test=f"{_CREDENTIALS}::test_a_token_is_good_for_its_scopes_only",
        why="a token for a dashboard signs agreements",
    ),
    Fault(
        name="lost-grant-widens",
        file="src/ringwall/identity/tokens.py",
        find="    return None if body is None else Bearer(reader, _DECODER.decode(body))\n",
        replace="    return Bearer(reader, None if body is None else _DECODER.decode(body))\n",
        test=f"{_CREDENTIALS}::test_a_narrowed_token_without_its_grant_is_good_for_nothing",
        why="a narrowed token whose grant is lost may do everything",
    ),
    Fault(
        name="narrowed-token-moves-its-reader",
        file="src/ringwall/server/access.py",
        find='    places = f"{reader.id} {grant.key}"\n',
        replace='    places = ""\n',
        test=f"{_CREDENTIALS}::test_a_capped_token_sees_less_and_closes_nothing_for_its_reader",
        why="one tool of a reader makes everything come again for another",
    ),
)
