"""What a provider says is believed only with the right signature, for us, now, and once."""

import base64
import hmac
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from ringwall.core import RingwallError, SystemClock, Unauthenticated, Unavailable
from ringwall.core.egress import Address, parse_egress
from ringwall.edge import open_client
from ringwall.identity import provider as provider_module
from ringwall.identity.provider import Provider
from ringwall.identity.rules import ProviderSettings
from ringwall.identity.sealed import OneTime, SealedState
from tests.identity.mischievous_provider import (
    CLIENT,
    OTHER,
    SECRET,
    MischievousProvider,
    encoded,
    mischievous_provider,
)

REDIRECT = "http://127.0.0.1:1/login/oidc/callback"
Login = Callable[..., dict[str, Any]]


@pytest.fixture
def idp() -> Iterator[MischievousProvider]:
    with mischievous_provider() as made:
        yield made


def relying(idp: MischievousProvider, allow: str | None = None, **settings: Any) -> Provider:
    allowed = f"{idp.issuer} 127.0.0.0/8" if allow is None else allow
    client = open_client(parse_egress(allowed), timeout=5)
    return Provider(
        ProviderSettings(idp.issuer, CLIENT, **settings), client, SystemClock(), secret=SECRET
    )


def fresh() -> OneTime:
    return SealedState().begin("test", SystemClock().now())[0]


def code_for(provider: Provider, state: OneTime) -> str:
    url = provider.authorization_url(state, REDIRECT)
    answer = httpx.get(url, trust_env=False)
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def log_in(provider: Provider, state: OneTime | None = None, issuer: str = "") -> dict[str, Any]:
    state = state or fresh()
    return provider.claims(code_for(provider, state), issuer, state, REDIRECT)


def test_a_login_gives_the_claims_of_the_signed_token(idp: MischievousProvider) -> None:
    provider = relying(idp)
    assert log_in(provider)["sub"] == "user-1"
    assert log_in(provider, issuer=idp.issuer)["name"] == "Ada Analyst"
    assert idp.asked.count("/keys") == 1  # remembered
    assert idp.asked.count("/.well-known/openid-configuration") == 1


def test_the_browser_is_sent_with_pkce_state_and_nonce(idp: MischievousProvider) -> None:
    url = relying(idp).authorization_url(state := fresh(), REDIRECT)
    sent = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
    assert sent["response_type"] == "code"
    assert (sent["state"], sent["nonce"]) == (state.state, state.challenge)
    assert sent["code_challenge_method"] == "S256"
    assert state.verifier not in url
    assert "device" not in url


NOW = int(time.time())
WRONG_CLAIMS = {
    "another issuer": ({"iss": "https://other.example"}, "issuer"),
    "another audience": ({"aud": "somebody-else"}, "audience"),
    "no audience": ({"aud": None}, "audience"),
    "several audiences without a party": ({"aud": [CLIENT, "other"]}, "audience"),
    "another party": ({"aud": [CLIENT, "other"], "azp": "other"}, "audience"),
    "expired": ({"exp": NOW - 3600, "iat": NOW - 3000}, "expired"),
    "issued long ago": ({"iat": NOW - 8000}, "expired"),
    "of the future": ({"iat": NOW + 3600}, "expired"),
    "not yet valid": ({"nbf": NOW + 3600}, "expired"),
    "without an end": ({"exp": None}, "claims"),
    "an end that is no number": ({"exp": True}, "claims"),
    "an end beyond all time": ({"exp": 1e300}, "claims"),
    "without a nonce": ({"nonce": None}, "nonce"),
    "another nonce": ({"nonce": "x"}, "nonce"),
    "nobody": ({"sub": ""}, "claims"),
    "a subject that is no text": ({"sub": 7}, "claims"),
}


@pytest.mark.parametrize(("claims", "rule"), WRONG_CLAIMS.values(), ids=list(WRONG_CLAIMS))
def test_a_token_that_is_not_for_this_login_is_refused(
    idp: MischievousProvider, claims: dict[str, Any], rule: str
) -> None:
    idp.claims = claims
    with pytest.raises(Unauthenticated) as refused:
        log_in(relying(idp))
    assert refused.value.rule == rule


def test_clocks_may_differ_by_two_minutes_and_no_more(idp: MischievousProvider) -> None:
    now = int(time.time())
    idp.claims = {"exp": now - 100, "iat": now - 400}
    assert log_in(relying(idp))["sub"] == "user-1"
    idp.claims = {"exp": now - 130, "iat": now - 400}
    with pytest.raises(Unauthenticated):
        log_in(relying(idp))


def test_the_nonce_of_an_earlier_login_is_refused(idp: MischievousProvider) -> None:
    provider = relying(idp)
    log_in(provider)
    idp.claims = {"nonce": idp.nonces[0]}
    with pytest.raises(Unauthenticated) as refused:
        log_in(provider)
    assert refused.value.rule == "nonce"


def with_public_key_as_secret(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims)}"
    mac = hmac.digest(idp.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_another_key(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, OTHER)


def with_a_key_in_the_header(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    header = {"alg": "RS256", "kid": "second", "jwk": OTHER.as_dict(private=False)}
    return jwt.encode(header, claims, OTHER)


def with_another_type(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": "first"}, claims, ECKey.generate_key("P-256"))


def changed(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    head, _, signature = idp.signed(claims).split(".")
    return f"{head}.{encoded({**claims, 'sub': 'admin'})}.{signature}"


def without_signature(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    return idp.unsigned(claims)


def with_a_critical_extension(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    _, body, signature = idp.signed(claims).split(".")
    return f"{encoded({'alg': 'RS256', 'kid': 'first', 'crit': ['exp']})}.{body}.{signature}"


def with_a_list_for_a_key_id(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    _, body, signature = idp.signed(claims).split(".")
    return f"{encoded({'alg': 'RS256', 'kid': ['first']})}.{body}.{signature}"


def nonsense(idp: MischievousProvider, claims: dict[str, Any]) -> str:
    return "a.b.c"


FORGERS = [
    with_public_key_as_secret, with_another_key, with_a_key_in_the_header, with_another_type,
    changed, without_signature, with_a_critical_extension,
    with_a_list_for_a_key_id, nonsense,
]  # fmt: skip


@pytest.mark.parametrize("forge", FORGERS)
def test_a_forged_token_is_refused(
    idp: MischievousProvider, forge: Callable[[MischievousProvider, dict[str, Any]], str]
) -> None:
    idp.sign = lambda claims: forge(idp, claims)
    with pytest.raises(Unauthenticated) as refused:
        log_in(relying(idp))
    assert refused.value.rule in ("signature", "algorithm")


def test_a_new_key_is_fetched_and_an_old_one_forgotten(
    idp: MischievousProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = relying(idp)
    log_in(provider)
    old, idp.key = idp.key, OTHER
    idp.keys = [idp.key]
    with pytest.raises(Unauthenticated):  # just looked: a flood of unknown keys asks nobody
        log_in(provider)
    assert idp.asked.count("/keys") == 1
    monkeypatch.setattr(provider_module, "_REFETCH_SECONDS", 0.0)
    assert log_in(provider)["sub"] == "user-1"
    assert idp.asked.count("/keys") == 2
    idp.key = old
    with pytest.raises(Unauthenticated):
        log_in(provider)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_short_rsa_key_is_not_used(idp: MischievousProvider) -> None:
    idp.key = RSAKey.generate_key(1024, {"kid": "short"})
    idp.keys = [idp.key]
    with pytest.raises(Unauthenticated):
        log_in(relying(idp))


def test_an_answer_of_another_issuer_is_refused(idp: MischievousProvider) -> None:
    with pytest.raises(Unauthenticated) as refused:
        log_in(relying(idp), issuer="https://other.example")
    assert refused.value.rule == "issuer"
    idp.metadata = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(Unauthenticated):  # it says that it names itself, and did not
        log_in(relying(idp))


def test_a_code_works_once_and_with_its_own_verifier(idp: MischievousProvider) -> None:
    provider, state = relying(idp), fresh()
    stolen = code_for(provider, state)
    with pytest.raises(Unauthenticated) as refused:
        provider.claims(stolen, "", fresh(), REDIRECT)
    assert refused.value.rule == "code"
    code = code_for(provider, state)
    assert provider.claims(code, "", state, REDIRECT)["sub"] == "user-1"
    with pytest.raises(Unauthenticated):
        provider.claims(code, "", state, REDIRECT)


def test_userinfo_adds_claims_of_the_same_subject_only(idp: MischievousProvider) -> None:
    idp.userinfo = {"sub": "user-1", "team": "blue", "name": "Somebody else"}
    claims = log_in(relying(idp, userinfo=True))
    assert (claims["team"], claims["name"]) == ("blue", "Ada Analyst")
    idp.userinfo = {"sub": "user-2", "team": "blue"}
    with pytest.raises(Unauthenticated):
        log_in(relying(idp, userinfo=True))


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://internal.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_refused(
    idp: MischievousProvider, metadata: dict[str, Any]
) -> None:
    idp.metadata = metadata
    with pytest.raises(Unavailable) as refused:
        relying(idp).authorization_url(fresh(), REDIRECT)
    assert "example" not in str(refused.value)


@pytest.mark.parametrize("allow", ["", "https://idp.example", "http://127.0.0.1:1 127.0.0.0/8"])
def test_cve_2026_21887_an_issuer_that_is_not_listed_is_never_asked(
    idp: MischievousProvider, allow: str
) -> None:
    with pytest.raises(Unavailable):
        relying(idp, allow).authorization_url(fresh(), REDIRECT)
    assert idp.asked == []


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_cve_2026_21887_a_provider_cannot_send_the_node_elsewhere(
    idp: MischievousProvider, endpoint: str
) -> None:
    with mischievous_provider() as inside:
        idp.metadata = {endpoint: f"{inside.issuer}/secret"}
        with pytest.raises(RingwallError):
            log_in(relying(idp, userinfo=True))
        assert inside.asked == []
    idp.metadata = {}
    idp.userinfo = {"sub": "user-1"}
    assert log_in(relying(idp, userinfo=True))  # the test can succeed


NONSENSE = [b"", b"{", b"[]", b"null", b"7", b'{"keys": 7, "id_token": 7}', b"\xff", b"[" * 9999,
            b'{"a": 1, "a": 2}', b'{"keys": [7, {}, {"kty": "RSA"}, {"kty": "EC", "x": 1}]}',
            b'{"id_token": "' + b"A" * 100_000 + b'"}', b" " * 300_000]  # fmt: skip


PATHS = ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"]


@pytest.mark.parametrize("path", PATHS)
def test_nonsense_is_a_refusal_or_an_absence_and_no_fault_of_ours(
    idp: MischievousProvider, path: str
) -> None:
    for raw in NONSENSE:
        idp.raw = {path: raw}
        with pytest.raises((Unauthenticated, Unavailable)):
            log_in(relying(idp, userinfo=True))


@pytest.mark.parametrize("path", PATHS)
def test_no_redirect_takes_a_code_or_a_secret_elsewhere(
    idp: MischievousProvider, path: str
) -> None:
    idp.redirects = {path: f"{idp.issuer}/elsewhere"}
    with pytest.raises((Unauthenticated, Unavailable)):
        log_in(relying(idp, userinfo=True))
    assert path in idp.asked
    assert "/elsewhere" not in idp.asked


def test_a_provider_that_does_not_answer_is_left_alone_for_a_moment(
    idp: MischievousProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def resolve(host: str, port: int) -> list[Address]:
        looked.append(host)
        return []  # no such host

    client = open_client(parse_egress(idp.issuer), resolve=resolve)
    provider = Provider(ProviderSettings(idp.issuer, CLIENT), client, SystemClock())
    for _ in range(3):
        with pytest.raises(Unavailable):
            provider.metadata()
    assert len(looked) == 1
    monkeypatch.setattr(provider_module, "_REST_SECONDS", 0.0)
    other = Provider(ProviderSettings(idp.issuer, CLIENT), client, SystemClock())
    for _ in range(3):
        with pytest.raises(Unavailable):
            other.metadata()
    assert len(looked) == 4


def test_logout_leads_to_the_provider_and_back(idp: MischievousProvider) -> None:
    url = relying(idp).logout_url("http://127.0.0.1:1/login")
    assert re.match(rf"{idp.issuer}/logout\?client_id={CLIENT}&post_logout_redirect_uri=", url)
    idp.metadata = {"end_session_endpoint": ""}
    assert relying(idp).logout_url("http://127.0.0.1:1/login") == "http://127.0.0.1:1/login"
