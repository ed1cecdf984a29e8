"""AES-GCM, XAES-256-GCM and HKDF against vectors that others wrote."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from keys.hazmat import aes_gcm, hkdf
from keys.hazmat.xaes import Xaes

COUNT_AES_GCM = 316
COUNT_HKDF = 86


def groups(material: Path, name: str) -> list[dict[str, Any]]:
    return json.loads((material / "vectors" / "wycheproof" / name).read_text())["testGroups"]


def hexed(case: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


def opens(case: dict[str, Any]) -> bool:
    key, nonce, associated, plain, text, tag = hexed(case, "key", "iv", "aad", "msg", "ct", "tag")
    try:
        return aes_gcm.decrypt(key, nonce, text + tag, associated) == plain
    except (aes_gcm.TagMismatch, ValueError):
        return False


def seals(case: dict[str, Any]) -> bool:
    key, nonce, associated, plain, text, tag = hexed(case, "key", "iv", "aad", "msg", "ct", "tag")
    try:
        return aes_gcm.encrypt(key, nonce, plain, associated) == text + tag
    except ValueError:
        return False


def test_wycheproof_aes_gcm(material: Path) -> None:
    """Nonces of other lengths are valid there and refused here, on purpose."""
    cases = [
        (case, group["ivSize"] == 96 and case["result"] == "valid")
        for group in groups(material, "aes_gcm_test.json")
        for case in group["tests"]
    ]

    differ = [case["tcId"] for case, valid in cases if opens(case) != valid or seals(case) != valid]

    assert len(cases) == COUNT_AES_GCM
    assert differ == []


def test_wycheproof_hkdf_sha256(material: Path) -> None:
    cases = [case for group in groups(material, "hkdf_sha256_test.json") for case in group["tests"]]

    def holds(case: dict[str, Any]) -> bool:
        secret, salt, info, okm = hexed(case, "ikm", "salt", "info", "okm")
        try:
            return hkdf.derive(secret, salt=salt, info=info, length=case["size"]) == okm
        except ValueError:
            return False

    differ = [case["tcId"] for case in cases if holds(case) != (case["result"] == "valid")]

    assert len(cases) == COUNT_HKDF
    assert differ == []


def test_rfc_5869_hkdf_sha256(material: Path) -> None:
    text = (material / "vectors" / "kdf" / "rfc-5869-HKDF-SHA256.txt").read_text()
    cases = [
        dict(map(str.strip, line.split("=")) for line in block.splitlines() if "=" in line)
        for block in text.split("COUNT")[1:]
    ]

    assert len(cases) == 3
    for case in cases:
        secret, salt, info, okm = hexed(case, "IKM", "salt", "info", "OKM")
        assert hkdf.derive(secret, salt=salt, info=info, length=int(case["L"])) == okm


@pytest.mark.parametrize("index", [0, 1])
def test_c2sp_xaes_256_gcm(material: Path, index: int) -> None:
    vectors = json.loads((material / "vectors" / "xaes" / "vectors.json").read_text())["vectors"]
    key, nonce, plain, associated, text = hexed(vectors[index], "key", "nonce", "pt", "aad", "ct")

    assert len(vectors) == 2
    assert Xaes(key).encrypt(nonce, plain, associated) == text
    assert Xaes(key).decrypt(nonce, text, associated) == plain


class Shake:
    """A stream of SHAKE128, which the standard library only gives from its start."""

    def __init__(self, length: int) -> None:
        self._bytes = hashlib.shake_128().digest(length)
        self._at = 0

    def take(self, n: int) -> bytes:
        self._at += n
        assert self._at <= len(self._bytes)
        return self._bytes[self._at - n : self._at]


def test_c2sp_xaes_256_gcm_accumulated(material: Path) -> None:
    expected = json.loads((material / "vectors" / "xaes" / "vectors.json").read_text())[
        "accumulated"
    ]
    stream, hashed = Shake(expected["iterations"] * 600), hashlib.shake_128()

    for _ in range(expected["iterations"]):
        cipher, nonce = Xaes(stream.take(32)), stream.take(24)
        plain = stream.take(stream.take(1)[0])
        associated = stream.take(stream.take(1)[0])
        text = cipher.encrypt(nonce, plain, associated)
        hashed.update(text)
        assert cipher.decrypt(nonce, text, associated) == plain

    assert expected["iterations"] == 10_000
    assert hashed.hexdigest(32) == expected["shake128_32_hex"]
