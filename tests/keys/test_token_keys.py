import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.entropy import CountingEntropy
from keys.hazmat import p256
from keys.sealing import NotOpened, Sealer
from keys.token_keys import (
    KEYS_MAX,
    KeyRefused,
    SigningKey,
    VerifyingKey,
    jwks,
    thumbprint,
    verifying_keys,
)

SEALER = Sealer(bytes(range(32)))
KEY = SigningKey.generate(CountingEntropy(1))
OTHER_KEY = SigningKey.generate(CountingEntropy(2))
JWK = KEY.verifying.jwk


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_sealed_key_opens_as_itself(start: int) -> None:
    key = SigningKey.generate(CountingEntropy(start))

    opened = SigningKey.open(
        key.seal(SEALER, entropy=CountingEntropy()), kid=key.kid, sealer=SEALER
    )

    assert opened.verifying.jwk == key.verifying.jwk


def test_a_sealed_key_does_not_open_under_another_name() -> None:
    sealed = KEY.seal(SEALER, entropy=CountingEntropy())

    with pytest.raises(NotOpened):
        SigningKey.open(sealed, kid=OTHER_KEY.kid, sealer=SEALER)


@pytest.mark.parametrize(
    "scalar", [p256.to_bytes(OTHER_KEY._private), bytes(32), b"\xff" * 32, b"", bytes(31)]
)
def test_bytes_that_are_not_this_key_do_not_open(scalar: bytes) -> None:
    sealed = SEALER.seal(scalar, bound_to=f"signing_key:{KEY.kid}", entropy=CountingEntropy())

    with pytest.raises(NotOpened):
        SigningKey.open(sealed, kid=KEY.kid, sealer=SEALER)


def test_the_same_entropy_makes_the_same_key() -> None:
    assert SigningKey.generate(CountingEntropy(1)).kid == KEY.kid != OTHER_KEY.kid


def test_a_source_that_gives_no_number_of_the_group_is_called_broken() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        SigningKey.generate(lambda n: b"\xff" * n)


def test_a_private_key_is_neither_shown_nor_pickled() -> None:
    scalar = p256.to_bytes(KEY._private)

    assert repr(KEY) == f"SigningKey({KEY.kid}, private half not shown)"
    assert str(int.from_bytes(scalar, "big")) not in repr(KEY)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(KEY)


def test_what_is_published_is_the_public_half_named_by_its_thumbprint() -> None:
    (published,) = jwks([KEY.verifying])["keys"]

    assert set(published) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert published["kid"] == thumbprint(published) == KEY.kid
    assert (published["use"], published["alg"]) == ("sig", "ES256")


def test_a_private_member_is_never_published_again() -> None:
    assert "d" not in VerifyingKey({**JWK, "d": "AAAA"}).jwk


def test_keys_are_published_in_the_order_given() -> None:
    published = jwks([OTHER_KEY.verifying, KEY.verifying])

    assert [key["kid"] for key in published["keys"]] == [OTHER_KEY.kid, KEY.kid]
    assert list(verifying_keys(published)) == [OTHER_KEY.kid, KEY.kid]


@pytest.mark.parametrize(
    "change",
    [
        {"kid": None},
        {"kid": ""},
        {"kid": "k" * 129},
        {"alg": None},
        {"alg": "none"},
        {"alg": "ES384"},
        {"alg": "HS256", "kty": "oct", "k": "A" * 43},
        {"alg": ["ES256"]},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"key_ops": None},
        {"kty": "RSA"},
        {"kty": None},
        {"crv": "P-384"},
        {"crv": None},
        {"x": JWK["y"]},
        {"x": "A"},
        {"x": None},
        {"x": 1},
        {"x": "\ud800"},
        {"y": ""},
    ],
    ids=range(22),
)
def test_a_key_that_tokens_are_not_verified_with_is_refused(change: dict) -> None:
    with pytest.raises(KeyRefused):
        VerifyingKey({**JWK, **change})


@pytest.mark.parametrize(
    "key_set",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": []},
        {"keys": [None]},
        {"keys": [JWK, JWK]},
        {"keys": [{**JWK, "kid": f"k{number}"} for number in range(KEYS_MAX + 1)]},
        {"keys": [JWK, {"kty": "oct", "alg": "HS256", "kid": "shared", "k": "A" * 43}]},
    ],
    ids=range(8),
)
def test_a_set_that_is_not_one_of_ours_is_refused(key_set: dict) -> None:
    with pytest.raises(KeyRefused):
        verifying_keys(key_set)


def test_symmetric_and_public_keys_never_share_a_set_even_where_both_are_allowed() -> None:
    shared = {"kty": "oct", "alg": "HS256", "kid": "shared", "k": "A" * 43}

    assert verifying_keys({"keys": [shared]}, algorithms=["HS256"])
    with pytest.raises(KeyRefused, match="share a set"):
        verifying_keys({"keys": [JWK, shared]}, algorithms=["HS256", "ES256"])


def test_two_keys_of_one_name_are_not_published() -> None:
    with pytest.raises(KeyRefused, match="one name"):
        jwks([KEY.verifying, KEY.verifying])


def test_a_thumbprint_needs_all_that_fixes_the_key() -> None:
    with pytest.raises(KeyRefused):
        thumbprint({"kty": "EC", "crv": "P-256", "x": JWK["x"]})
