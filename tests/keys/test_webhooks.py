import base64
import datetime as dt
import json
import pickle

import pytest
import standardwebhooks

from keys import webhooks
from keys.entropy import CountingEntropy
from keys.hazmat import ed25519
from keys.webhooks import SigningKeys, Verifier, WebhookKeyRefused, WebhookRefused

NOW_S = 1_764_000_000
BODY = b'{"specversion":"1.0","id":"evt_1"}'


@pytest.fixture
def keys() -> SigningKeys:
    return SigningKeys.generate(CountingEntropy())


def sent(*keys: SigningKeys, body: bytes = BODY, at: int = NOW_S) -> dict[str, str]:
    return webhooks.headers(keys, message_id="evt_1", timestamp=at, body=body)


def refused(verifier: Verifier, given: dict[str, str], body: bytes = BODY) -> str:
    with pytest.raises(WebhookRefused) as caught:
        verifier.verify(given, body, now_s=NOW_S)
    return caught.value.cause


@pytest.mark.parametrize("half", ["secret", "public"])
def test_either_half_verifies_what_was_signed(keys: SigningKeys, half: str) -> None:
    text = keys.reveal() if half == "secret" else keys.public

    assert Verifier([text]).verify(sent(keys), BODY, now_s=NOW_S) == "evt_1"


def test_the_library_of_the_standard_takes_our_signature(keys: SigningKeys) -> None:
    now_s = int(dt.datetime.now(dt.UTC).timestamp())
    given = sent(keys, at=now_s)

    verified = standardwebhooks.Webhook(keys.reveal()).verify(BODY, given)

    assert verified == json.loads(BODY)


def test_we_take_the_signature_of_the_library_of_the_standard(keys: SigningKeys) -> None:
    at = dt.datetime.fromtimestamp(NOW_S, dt.UTC)
    theirs = standardwebhooks.Webhook(keys.reveal()).sign("evt_1", at, BODY.decode())

    given = sent(keys) | {"webhook-signature": theirs}

    assert Verifier([keys.reveal()]).verify(given, BODY, now_s=NOW_S) == "evt_1"
    assert theirs == sent(keys)["webhook-signature"].split(" ")[0]


def test_an_old_and_a_new_secret_both_verify_while_they_overlap(keys: SigningKeys) -> None:
    other = SigningKeys.generate(CountingEntropy(50))
    given = sent(other, keys)

    for text in (keys.reveal(), keys.public, other.reveal(), other.public):
        assert Verifier([text]).verify(given, BODY, now_s=NOW_S) == "evt_1"
    assert len(given["webhook-signature"].split(" ")) == 4


def test_a_body_id_or_time_that_was_changed_fits_no_signature(keys: SigningKeys) -> None:
    verifier = Verifier([keys.reveal(), keys.public])
    given = sent(keys)

    assert refused(verifier, given, BODY + b" ") == "signature"
    assert refused(verifier, given | {"webhook-id": "evt_2"}) == "signature"
    assert refused(verifier, given | {"webhook-timestamp": str(NOW_S + 1)}) == "signature"
    assert refused(Verifier([SigningKeys.generate(CountingEntropy(9)).reveal()]), given) == (
        "signature"
    )


@pytest.mark.parametrize("version", ["v1", "v1a"])
def test_one_kind_of_signature_never_passes_for_the_other(keys: SigningKeys, version: str) -> None:
    given = sent(keys)
    one, other = given["webhook-signature"].split(" ")
    swapped = {"v1": other.replace("v1a,", "v1,"), "v1a": one.replace("v1,", "v1a,")}[version]

    verifier = Verifier([keys.reveal(), keys.public])

    assert refused(verifier, given | {"webhook-signature": swapped}) == "signature"


@pytest.mark.parametrize("spelling", ["v1,{}=", "v1,{}\n", "v1,\n{}", "v1,{}\u00e9", "v1,{}A"])
def test_base64_has_one_spelling(keys: SigningKeys, spelling: str) -> None:
    given = sent(keys)
    mac = given["webhook-signature"].split(" ")[0].removeprefix("v1,")
    verifier = Verifier([keys.reveal()])

    spelled = given | {"webhook-signature": spelling.format(mac)}

    assert refused(verifier, spelled) in {"signature", "headers"}
    assert verifier.verify(given | {"webhook-signature": f"v1,{mac}"}, BODY, now_s=NOW_S)


def test_the_last_bits_of_base64_must_be_zero(keys: SigningKeys) -> None:
    given = sent(keys)
    first = given["webhook-signature"].split(" ")[0]
    last = first[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(last) ^ 1]
    assert base64.b64decode(first[3:]) == base64.b64decode(first[3:-2] + other + "=")

    assert refused(
        Verifier([keys.reveal()]), given | {"webhook-signature": f"{first[:-2]}{other}="}
    ) == ("signature")


def test_a_sixth_signature_is_refused_whatever_it_is(keys: SigningKeys) -> None:
    given = sent(keys)
    first = given["webhook-signature"].split(" ")[0]
    verifier = Verifier([keys.reveal()])

    five = given | {"webhook-signature": " ".join(["v1,AAAA"] * 4 + [first])}
    six = given | {"webhook-signature": " ".join(["v1,AAAA"] * 5 + [first])}

    assert verifier.verify(five, BODY, now_s=NOW_S) == "evt_1"
    assert refused(verifier, six) == "headers"


def test_the_clock_may_differ_by_the_tolerance_and_no_more(keys: SigningKeys) -> None:
    verifier = Verifier([keys.public])

    for off in (-300, 0, 300):
        assert verifier.verify(sent(keys, at=NOW_S + off), BODY, now_s=NOW_S) == "evt_1"
    for off in (-301, 301):
        assert refused(verifier, sent(keys, at=NOW_S + off)) == "clock"


def test_a_delivery_that_comes_again_is_refused_by_a_receiver(keys: SigningKeys) -> None:
    receiver = webhooks.Receiver(Verifier([keys.public]))
    receiver.receive(sent(keys), BODY, now_s=NOW_S)

    with pytest.raises(WebhookRefused) as caught:
        receiver.receive(sent(keys), BODY, now_s=NOW_S)

    assert caught.value.cause == "repeated"


def test_ids_with_a_dot_are_neither_signed_nor_taken(keys: SigningKeys) -> None:
    with pytest.raises(ValueError, match="header"):
        keys.sign("evt.1", NOW_S, BODY)
    assert refused(Verifier([keys.public]), sent(keys) | {"webhook-id": "evt.1"}) == "headers"


@pytest.mark.parametrize(
    "text",
    [
        *("", "whsec_", "whpk_", "whsec_AAAA", "whpk_AAAA", "whsec_\u00e9", "whsec_ "),
        *(f"whsec_{base64.b64encode(bytes(size)).decode()}" for size in (23, 65)),
        f"whsec_{base64.b64encode(bytes(24)).decode()}=",
        f"whpk_{base64.b64encode(bytes(33)).decode()}",
    ],
)
def test_a_malformed_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(WebhookKeyRefused) as caught:
        Verifier([text])

    assert len(text) < 8 or text not in str(caught.value)
    with pytest.raises(WebhookKeyRefused):
        Verifier([])


def test_a_signing_key_is_read_with_and_without_its_public_half() -> None:
    seed = CountingEntropy()(32)
    both = seed + ed25519.public_of(seed)

    assert webhooks.seed_of(f"whsk_{base64.b64encode(seed).decode()}") == seed
    assert webhooks.seed_of(f"whsk_{base64.b64encode(both).decode()}") == seed
    for wrong in (seed[:31], seed + bytes(32), both + b"x"):
        with pytest.raises(WebhookKeyRefused):
            webhooks.seed_of(f"whsk_{base64.b64encode(wrong).decode()}")
    with pytest.raises(WebhookKeyRefused):
        webhooks.seed_of(base64.b64encode(seed).decode())


def test_keys_are_not_shown_and_do_not_leave_the_process(keys: SigningKeys) -> None:
    assert keys.reveal()[6:] not in repr(keys)
    assert keys.reveal()[6:] not in repr(Verifier([keys.reveal()]))
    assert SigningKeys(keys.pack()).reveal() == keys.reveal()
    with pytest.raises(TypeError):
        pickle.dumps(keys)
    with pytest.raises(ValueError, match="bytes"):
        SigningKeys(keys.pack()[1:])


def test_too_many_or_no_keys_make_no_header(keys: SigningKeys) -> None:
    for given in ([], [keys] * 3):
        with pytest.raises(ValueError, match="signatures"):
            webhooks.headers(given, message_id="evt_1", timestamp=NOW_S, body=BODY)
