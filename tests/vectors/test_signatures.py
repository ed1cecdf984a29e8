"""The token verifier against signatures and keys that others wrote.

Each goes through the public entry, with the algorithm of its key allowed for that test alone.
Where we differ from what a file says, the case is listed here with the reason.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from keys.token_keys import KeyRefused, VerifyingKey, verifying_keys
from keys.token_verifier import NotVerified, TokenRules, open_token

ALGORITHMS = [
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES512", "EdDSA"),
]


def groups(material: Path, name: str) -> list[dict[str, Any]]:
    return json.loads((material / "vectors" / "wycheproof" / name).read_text())["testGroups"]


def accepted(text: Any, jwk: dict[str, Any]) -> bool:
    """Ask with this key, or set of keys, and only the algorithms that it names."""
    listed = jwk.get("keys", [jwk])
    allowed = [alg for alg in ALGORITHMS if alg in {key.get("alg") for key in listed}]
    try:
        keys = verifying_keys({"keys": listed}, algorithms=allowed)
        open_token(text, keys=keys, rules=TokenRules(typ=None, algorithms=allowed))
    except (KeyRefused, NotVerified):
        return False
    return True


def differing(cases: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[int, str]:
    return {
        case["tcId"]: case["result"]
        for case, jwk in cases
        if isinstance(case["jws"], str)
        and accepted(case["jws"], jwk) != (case["result"] == "valid")
    }


def all_cases(material: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        (case, group.get("public") or group["private"])
        for group in groups(material, name)
        for case in group["tests"]
        if "jws" in case
    ]


# What the files say of these, and why we say otherwise.
SIGNATURES_OTHERWISE = {
    346: "valid",  # Figure 20: the key is for PS256, the header says PS384
    350: "valid",  # the same figure
    347: "valid",  # Figure 27: the key is for ES521, which is no algorithm
    351: "valid",  # the same figure
    367: "invalid",  # padding was meant, but the text is that of case 357, which is valid
    370: "invalid",  # the same text again
    372: "valid",  # a `?` inside the header's base64: one token, several spellings
    373: "valid",  # a `?` inside the payload's base64
}
# RSA keys of the ROCA kind are not detected: the product allows no RSA at all.
KEYS_OTHERWISE = {7: "invalid"}
CRYPTO_OTHERWISE = {46: "invalid"}


def test_wycheproof_json_web_signature(material: Path) -> None:
    cases = all_cases(material, "json_web_signature_test.json")

    assert len(cases) == 401
    assert differing(cases) == SIGNATURES_OTHERWISE


def test_the_two_cases_said_to_be_padded_are_the_text_of_a_valid_one(material: Path) -> None:
    texts = {
        case["tcId"]: case["jws"] for case, _ in all_cases(material, "json_web_signature_test.json")
    }

    assert texts[367] == texts[370] == texts[357]
    assert "=" not in texts[357]


def test_wycheproof_json_web_key(material: Path) -> None:
    cases = all_cases(material, "json_web_key_test.json")

    assert len(cases) == 26
    assert differing(cases) == KEYS_OTHERWISE


def test_wycheproof_json_web_crypto(material: Path) -> None:
    cases = all_cases(material, "json_web_crypto_test.json")

    assert len(cases) == 49
    assert differing(cases) == CRYPTO_OTHERWISE


@pytest.mark.parametrize(
    "name", ["json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"]
)
def test_the_production_algorithms_accept_no_key_but_p_256(material: Path, name: str) -> None:
    keys = [jwk for _, held in all_cases(material, name) for jwk in held.get("keys", [held])]

    def taken(jwk: dict[str, Any]) -> bool:
        try:
            return bool(VerifyingKey(jwk))
        except KeyRefused:
            return False

    assert {(jwk["kty"], jwk["crv"], jwk["alg"]) for jwk in keys if taken(jwk)} <= {
        ("EC", "P-256", "ES256")
    }


@pytest.mark.parametrize(
    ("path", "algorithm"),
    [
        ("jws/4_3.ecdsa_signature.json", "ES512"),
        ("jws/4_1.rsa_v15_signature.json", "RS256"),
        ("jws/4_2.rsa-pss_signature.json", "PS384"),
        ("jws/4_4.hmac-sha2_integrity_protection.json", "HS256"),
    ],
)
def test_jose_cookbook(material: Path, path: str, algorithm: str) -> None:
    figure = json.loads((material / "vectors" / "jose-cookbook" / path).read_text())
    given, text = figure["input"], figure["output"]["compact"]

    assert given["alg"] == algorithm
    assert accepted(text, {**given["key"], "alg": algorithm})
    assert not accepted(text[:-3] + "AAA", {**given["key"], "alg": algorithm})
