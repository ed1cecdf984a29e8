import pytest

from keys.derive import Purpose, purpose_key

ROOT = bytes(range(32))


def test_no_two_purposes_share_a_key() -> None:
    keys = {purpose_key(ROOT, purpose) for purpose in Purpose}

    assert len(keys) == len(Purpose)
    assert {len(key) for key in keys} == {32}


def test_another_root_gives_another_key() -> None:
    assert purpose_key(ROOT, Purpose.CURSOR) != purpose_key(bytes(32), Purpose.CURSOR)


@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        ("data_sealing", "a5810b66a0e4fb219b25c710c3578bd8b5126ac71b7dc474edf31bdf4816f13a"),
        ("api_key_index", "4153a229bae66f945c97f834dba99815699c4fe68e6eddd4e75d4896fa280a58"),
        (
            "idempotency_fingerprint",
            "49dcbe0687a708e915d8dcb8ae211c1b652cd74495ae137e79b7ab391fcd94c1",
        ),
        ("cursor", "3cbcec57d167d040cb7dd7d8b4058fc99324269ccb05cf3560007e9c6f3ee43b"),
        ("client_secret", "7209d2d3705a2c24206c8cd99ec4ea4b76c5ea1b5402706c84b61438bb4a708c"),
        ("pseudonym", "b3b41a89c6e6a379d501b43bf9244e2fe9cebeb7c1ad6a4c1330164dd96a5754"),
    ],
)
def test_a_purpose_keeps_its_key_for_ever(purpose: str, key: str) -> None:
    assert purpose_key(ROOT, Purpose(purpose)).hex() == key


def test_a_purpose_nobody_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid Purpose"):
        purpose_key(ROOT, "anything")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_root_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        purpose_key(bytes(length), Purpose.CURSOR)
