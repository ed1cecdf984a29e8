import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from keys.token_verifier import TOKEN_CHARS_MAX, NotVerified, TokenRules, open_token
from keys.tokens import RULES, sign
from tests.keys.forge import CLAIMS, HEADER, KEY, KEYS, OTHER_KEY, part, signed, signed_hs256

PAYLOAD = b'{"any":"payload"}'
GOOD = signed(HEADER, PAYLOAD)
KID = KEY.kid.encode()


def reason(text: str, rules: TokenRules = RULES) -> str:
    with pytest.raises(NotVerified) as refused:
        open_token(text, keys=KEYS, rules=rules)
    assert str(refused.value) == "the token is not verified"
    return refused.value.reason


def test_a_good_token_gives_its_payload() -> None:
    assert open_token(GOOD, keys=KEYS, rules=RULES) == PAYLOAD


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt","jku":"https://evil.example"}' % KID,
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt","jwk":{}}' % KID,
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt","x5u":"https://evil.example"}' % KID,
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt","crit":["b64"],"b64":true}' % KID,
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt","cty":"JWT"}' % KID,
        b'{"alg":"ES256","kid":"%s"}' % KID,
        b'{"alg":"ES256","typ":"pay+jwt"}',
        b'{"kid":"%s","typ":"pay+jwt"}' % KID,
        b'{"alg":"ES256","kid":["%s"],"typ":"pay+jwt"}' % KID,
        b'{"alg":null,"kid":"%s","typ":"pay+jwt"}' % KID,
        b"{}",
    ],
)
def test_a_header_with_other_members_is_refused(header: bytes) -> None:
    assert reason(signed(header, PAYLOAD)) == "header_members"


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"ES256","alg":"ES256","kid":"%s","typ":"pay+jwt"}' % KID,
        b'{"alg":"none","alg":"ES256","kid":"%s","typ":"pay+jwt"}' % KID,
        b'{"alg":"ES256","kid":"%s","typ":"pay+jwt"} x' % KID,
        b"\xef\xbb\xbf" + HEADER,
        b"\xff" + HEADER,
        HEADER.decode().encode("utf-16"),
        b"[]",
        b"null",
        b"NaN",
        b"[" * 2_000,
    ],
)
def test_a_header_that_is_no_strict_object_is_refused(header: bytes) -> None:
    assert reason(signed(header, PAYLOAD)) == "header_json"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "PAY+JWT", "dpop+jwt", "application/pay+jwt", ""])
def test_a_token_of_another_type_is_refused(typ: str) -> None:
    header = HEADER.replace(b"pay+jwt", typ.encode())

    assert reason(signed(header, PAYLOAD)) == "typ"


@pytest.mark.parametrize("kid", ["", "unknown", "../../etc/passwd", "' or 1=1 --", KEY.kid.lower()])
def test_a_key_nobody_knows_is_refused(kid: str) -> None:
    header = json.dumps({"alg": "ES256", "kid": kid, "typ": "pay+jwt"}).encode()

    assert reason(signed(header, PAYLOAD)) == "key"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "es256", "ES384", "HS256"])
def test_an_algorithm_that_is_not_the_keys_is_refused(alg: str) -> None:
    header = HEADER.replace(b"ES256", alg.encode())

    assert reason(signed(header, PAYLOAD)) == "algorithm"


@pytest.mark.parametrize(
    "shape",
    [
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.X962, PublicFormat.UncompressedPoint),
    ],
    ids=["pem", "der", "point"],
)
def test_the_public_key_is_never_taken_for_a_shared_secret(shape) -> None:
    secret = KEY._private.public_key().public_bytes(*shape)

    said = signed_hs256(HEADER.replace(b"ES256", b"HS256"), PAYLOAD, secret)
    unsaid = signed_hs256(HEADER, PAYLOAD, secret)

    assert reason(said) == "algorithm"
    assert reason(unsaid) == "signature"


def test_an_algorithm_the_rules_do_not_allow_is_refused() -> None:
    assert reason(GOOD, TokenRules(typ="pay+jwt", algorithms=["ES512"])) == "algorithm"


def test_another_keys_signature_is_refused() -> None:
    assert reason(signed(HEADER, PAYLOAD, OTHER_KEY)) == "signature"


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    head, _, _ = GOOD.rpartition(".")

    assert reason(f"{head}.{part(bytes(length))}") in {"signature", "form"}


def test_a_signature_of_zeros_is_refused() -> None:
    head, _, _ = GOOD.rpartition(".")

    assert reason(f"{head}.{part(bytes(64))}") == "signature"


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "=",
        GOOD + "==",
        GOOD + "\n",
        "\n" + GOOD,
        " " + GOOD,
        GOOD + " ",
        GOOD + ".",
        "." + GOOD,
        GOOD + ".AAAA",
        GOOD.replace(".", ".."),
        GOOD.replace(".", "\uff0e"),
        GOOD.replace("A", "\uff21"),
        GOOD[:9] + "\u200b" + GOOD[9:],
        GOOD[:9] + "\x00" + GOOD[9:],
        GOOD[:9] + "\ud800" + GOOD[9:],
        GOOD[:9] + "?" + GOOD[9:],
        GOOD[:9] + "+" + GOOD[9:],
        GOOD[:9] + "/" + GOOD[9:],
        GOOD + "A" * TOKEN_CHARS_MAX,
        "Bearer " + GOOD,
        "",
        "..",
        "a.b",
        "\ud800",
    ],
    ids=range(24),
)
def test_any_other_spelling_is_refused(text: str) -> None:
    assert reason(text) == "form"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_part_of_an_impossible_length_is_refused(at: int) -> None:
    parts = GOOD.split(".")
    parts[at] = "A" * 5

    assert reason(".".join(parts)) == "base64"


def test_bits_that_decoding_drops_are_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 64 bytes end in a character of which four bits count for nothing.
    last = alphabet[alphabet.index(GOOD[-1]) + 1]

    assert reason(GOOD[:-1] + last) == "base64"


@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    text = sign(CLAIMS, KEY)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[at]))

    reason(text[:at] + other + text[at + 1 :])


@given(st.text(max_size=200) | st.from_regex(r"\A[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\Z"))
def test_any_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    reason(text)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_header_and_payload_are_refused_and_nothing_else_is_raised(
    header: bytes, payload: bytes
) -> None:
    reason(signed(header, payload))
