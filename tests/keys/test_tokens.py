import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.entropy import CountingEntropy
from keys.token_keys import jwks, verifying_keys
from keys.token_verifier import TOKEN_CHARS_MAX, NotVerified
from keys.tokens import Confirmation, PaymentClaims, PaymentDetail, new_jti, sign, verify
from tests.keys.forge import AUDIENCE, CLAIMS, HEADER, ISSUER, KEY, KEYS, OTHER_KEY, signed

MEMBERS: dict[str, Any] = json.loads(msgspec.json.encode(CLAIMS))
DETAIL: dict[str, Any] = MEMBERS["authorization_details"][0]

ids = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255)
codes = st.from_regex(r"\A[a-z0-9][a-z0-9_.:-]{0,63}\Z")
seconds = st.integers(0, 253_402_300_799)
amounts = st.integers(0, 2**53 - 1)
starts = st.integers(0, 253_402_300_000)


@st.composite
def claims(draw: st.DrawFn) -> PaymentClaims:
    iat, before, after = draw(starts), draw(st.integers(0, 150)), draw(st.integers(0, 150))
    detail = PaymentDetail(
        type="payment",
        amount=draw(amounts),
        amount_is=draw(st.sampled_from(["exact", "maximum"])),
        currency=draw(st.from_regex(r"\A[A-Z]{3}\Z")),
        payee=draw(ids),
        instrument=draw(st.none() | ids),
        order=draw(st.none() | st.from_regex(r"\Asha256:[0-9a-f]{64}\Z")),
    )
    return PaymentClaims(
        iss=draw(names),
        aud=draw(names),
        sub=draw(ids),
        iat=iat,
        nbf=iat + before,
        exp=iat + before + after,
        jti=new_jti(CountingEntropy(draw(st.integers(0, 2**32)))),
        txn=draw(ids),
        authorization_details=(detail,),
        device=draw(st.none() | ids),
        acr=draw(codes),
        amr=tuple(draw(st.lists(codes, max_size=8))),
        auth_time=draw(st.none() | seconds),
        cnf=draw(st.none() | st.just(Confirmation(jkt=KEY.kid))),
        assessment=draw(ids),
        exemption=draw(st.none() | codes),
        liability=draw(codes),
    )


def reason(payload: bytes) -> str:
    with pytest.raises(NotVerified) as refused:
        verify(signed(HEADER, payload), keys=KEYS, issuer=ISSUER, audience=AUDIENCE)
    return refused.value.reason


def changed(**members: Any) -> bytes:
    return json.dumps(MEMBERS | members).encode()


@pytest.mark.long
@given(claims())
def test_what_is_signed_is_verified(made: PaymentClaims) -> None:
    text = sign(made, KEY)

    assert len(text) <= TOKEN_CHARS_MAX
    assert verify(text, keys=KEYS, issuer=made.iss, audience=made.aud) == made


def test_a_token_is_verified_away_from_the_service_by_its_published_keys() -> None:
    published = json.loads(json.dumps(jwks([OTHER_KEY.verifying, KEY.verifying])))

    keys = verifying_keys(published)

    assert verify(sign(CLAIMS, KEY), keys=keys, issuer=ISSUER, audience=AUDIENCE) == CLAIMS


def test_an_old_token_is_still_verified_since_only_the_writer_judges_times() -> None:
    old = msgspec.structs.replace(CLAIMS, iat=1, nbf=1, exp=2, auth_time=None)

    assert verify(sign(old, KEY), keys=KEYS, issuer=ISSUER, audience=AUDIENCE) == old


def test_a_replay_signs_the_same_claims_in_another_text() -> None:
    one, other = sign(CLAIMS, KEY), sign(CLAIMS, KEY)

    assert one != other
    assert one.rpartition(".")[0] == other.rpartition(".")[0]


def test_the_payload_is_what_it_was_when_released() -> None:
    assert verify(signed(HEADER, changed()), keys=KEYS, issuer=ISSUER, audience=AUDIENCE) == CLAIMS
    assert list(MEMBERS) == [
        *("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "txn", "authorization_details"),
        *("device", "acr", "amr", "auth_time", "cnf", "assessment", "exemption", "liability"),
    ]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_claim_is_refused(name: str) -> None:
    kept = {key: value for key, value in MEMBERS.items() if key != name}

    assert reason(json.dumps(kept).encode()) == "claims"


@pytest.mark.parametrize("name", DETAIL)
def test_a_missing_detail_is_refused(name: str) -> None:
    kept = {key: value for key, value in DETAIL.items() if key != name}

    assert reason(changed(authorization_details=[kept])) == "claims"


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("value", [True, [1], {}, "a\n", "\u00e9", "", "x" * 300])
def test_a_claim_of_another_type_or_form_is_refused(name: str, value: Any) -> None:
    assert reason(changed(**{name: value})) == "claims"


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - {"iat", "nbf", "exp", "auth_time"}))
def test_a_number_for_a_text_is_refused(name: str) -> None:
    assert reason(changed(**{name: 1})) == "claims"


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - {"device", "auth_time", "cnf", "exemption"}))
def test_a_null_where_something_must_stand_is_refused(name: str) -> None:
    assert reason(changed(**{name: None})) == "claims"


@pytest.mark.parametrize("name", [*MEMBERS, "surprise", "\ud800"])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(name: str) -> None:
    assert reason(changed(**{name: "\ud800"})) == "payload_json"
    assert reason(changed(**{name: ["\udfff"]})) == "payload_json"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", -1),
        ("amount", 2**53),
        ("amount", "38000"),
        ("amount", True),
        ("amount_is", "minimum"),
        ("type", "transfer"),
        ("currency", "cny"),
        ("currency", "CNYX"),
        ("payee", None),
        ("payee", ""),
        ("payee", "p\n"),
        ("instrument", 1),
        ("order", "sha256:" + "0F" * 32),
        ("order", "sha256:00"),
        ("order", "md5:" + "0f" * 32),
        ("surprise", "member"),
    ],
)
def test_a_detail_of_another_form_is_refused(name: str, value: Any) -> None:
    assert reason(changed(authorization_details=[DETAIL | {name: value}])) == "claims"


@pytest.mark.parametrize("details", [[], [DETAIL, DETAIL], DETAIL, None])
def test_any_number_of_details_but_one_is_refused(details: Any) -> None:
    assert reason(changed(authorization_details=details)) == "claims"


@pytest.mark.parametrize(
    "members",
    [
        {"surprise": "claim"},
        {"aud": [AUDIENCE]},
        {"aud": [AUDIENCE, "https://evil.example"]},
        {"jti": "AAECAwQFBgcICQoLDA0ODx"},
        {"jti": "AAECAwQFBgcICQoLDA0OD"},
        {"jti": "AAECAwQFBgcICQoLDA0ODw=="},
        {"cnf": {"jkt": "short"}},
        {"cnf": {"jkt": KEY.kid, "jwk": {}}},
        {"amr": ["passkey"] * 9},
        {"exp": 253_402_300_800},
        {"iat": -1},
    ],
    ids=range(11),
)
def test_claims_outside_their_form_are_refused(members: dict[str, Any]) -> None:
    assert reason(changed(**members)) == "claims"


@pytest.mark.parametrize(
    "text",
    [
        '"iat":1764000000.0',
        '"iat":1764000000.5',
        '"iat":1.764e9',
        '"iat":-0',
        '"iat":NaN',
        '"iat":Infinity',
        '"iat":' + "1" * 1_000,
        '"iat":1764000000,"iat":1764000000',
        '"iat":1764000000,"i\\u0061t":1764000000',
    ],
    ids=range(9),
)
def test_a_number_or_member_that_two_readers_could_read_differently_is_refused(text: str) -> None:
    payload = changed().decode().replace('"iat": 1764000000', text)

    assert reason(payload.encode()) == "payload_json"


def test_a_member_that_stands_twice_deep_inside_is_refused() -> None:
    payload = changed().decode().replace('"amount": 38000', '"amount":1,"amount":38000')

    assert reason(payload.encode()) == "payload_json"


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"text"', b"\xff", b"{}x", b"[" * 2_500])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert reason(payload) == "payload_json"


@pytest.mark.parametrize(
    ("nbf", "exp"), [(-1, 120), (0, -1), (0, 301), (121, 120), (0, 10_000_000), (301, 301)]
)
def test_times_out_of_order_or_too_far_apart_are_refused(nbf: int, exp: int) -> None:
    payload = changed(nbf=CLAIMS.iat + nbf, exp=CLAIMS.iat + exp)

    assert reason(payload) == "times"


@pytest.mark.parametrize("exp", [0, 1, 300])
def test_a_life_of_up_to_five_minutes_is_verified(exp: int) -> None:
    text = signed(HEADER, changed(exp=CLAIMS.iat + exp))

    assert verify(text, keys=KEYS, issuer=ISSUER, audience=AUDIENCE).exp == CLAIMS.iat + exp


@pytest.mark.parametrize(
    ("issuer", "audience", "expected"),
    [
        (ISSUER + "/", AUDIENCE, "issuer"),
        (ISSUER, AUDIENCE + "/", "audience"),
        (ISSUER, ISSUER, "audience"),
        ("", AUDIENCE, "issuer"),
    ],
)
def test_a_token_for_someone_else_is_refused(issuer: str, audience: str, expected: str) -> None:
    with pytest.raises(NotVerified) as refused:
        verify(sign(CLAIMS, KEY), keys=KEYS, issuer=issuer, audience=audience)

    assert refused.value.reason == expected


def test_every_refusal_looks_alike_and_shows_nothing() -> None:
    with pytest.raises(NotVerified) as refused:
        verify(sign(CLAIMS, OTHER_KEY), keys=KEYS, issuer=ISSUER, audience=AUDIENCE)

    assert str(refused.value) == "the token is not verified"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    "members",
    [
        {"exp": CLAIMS.iat + 301},
        {"nbf": CLAIMS.iat - 1},
        {"iss": "\u00e9"},
        {"jti": "short"},
        {"iat": float(CLAIMS.iat)},
        {"authorization_details": ()},
    ],
    ids=range(6),
)
def test_claims_that_would_not_verify_are_never_signed(members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="make no token"):
        sign(msgspec.structs.replace(CLAIMS, **members), KEY)


def test_the_longest_claims_make_a_token_that_is_verified() -> None:
    detail = msgspec.structs.replace(
        CLAIMS.authorization_details[0],
        amount=2**53 - 1,
        amount_is="maximum",
        payee='"' * 64,
        instrument='"' * 64,
    )
    longest = msgspec.structs.replace(
        CLAIMS,
        **dict.fromkeys(["iss", "aud"], '"' * 255),
        **dict.fromkeys(["sub", "txn", "device", "assessment"], '"' * 64),
        **dict.fromkeys(["acr", "exemption", "liability"], "a" * 64),
        **dict.fromkeys(["iat", "nbf", "exp", "auth_time"], 253_402_300_799),
        amr=("a" * 64,) * 8,
        authorization_details=(detail,),
    )

    text = sign(longest, KEY)

    assert TOKEN_CHARS_MAX * 0.8 < len(text) <= TOKEN_CHARS_MAX
    assert verify(text, keys=KEYS, issuer=longest.iss, audience=longest.aud) == longest


def test_new_jtis_are_128_bits_and_differ() -> None:
    entropy = CountingEntropy()

    assert len(new_jti(entropy)) == 22
    assert new_jti(entropy) != new_jti(entropy)
