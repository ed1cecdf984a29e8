"""What docs/webhooks.md says is so: its verifier, run as it stands there, on real deliveries."""

import datetime as dt
import json
import re
import types
from collections.abc import Mapping
from typing import Any, Final

import pytest
import standardwebhooks

from keys import webhooks
from keys.webhooks import SigningKeys, Verifier
from service.rooms.webhooks import jobs
from service.rooms.webhooks.contract import KINDS
from service.worker.parcels import Parcel
from tests.architecture.house import ROOT
from tests.contract.house import Holder, House
from tests.contract.places import endpoint

PAGE: Final = (ROOT / "docs" / "webhooks.md").read_text()
CODE: Final = re.compile(r"^```python verifier\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW: Final = re.compile(r"^\| `(payguard\.[a-z_.]+)` \| (.+) \|$", re.MULTILINE)


class Sent:
    """A delivery of a real payment, with the keys that its endpoint showed."""

    def __init__(self, house: House, key: Holder) -> None:
        made = endpoint(house, key)
        self.secret: str = made["secret"]
        self.public: str = made["public_keys"][0]["public_key"]
        self.now_s = int(house.clock.now().timestamp())
        self.parcel = parcel_of(house, key, made["id"])
        self.body = self.parcel.body
        self.headers = self.parcel.sign(self.now_s)


def parcel_of(house: House, key: Holder, endpoint_id: str) -> Parcel:
    """Return what is sent to an endpoint for a new payment."""
    house.create(key)
    while house.worker.run_once():
        pass
    source = jobs.Deliveries(house.reader, house.secrets.sealer)
    return [one for one in source(house.clock.now(), lambda _: 50) if one.receiver == endpoint_id][
        -1
    ]


@pytest.fixture(scope="module")
def page() -> Any:
    """The verifier as whoever copies it has it."""
    [code] = CODE.findall(PAGE)
    module = types.ModuleType("payguard_webhook")
    exec(compile(code, "payguard_webhook.py", "exec"), vars(module))  # noqa: S102  it is our page
    return module


@pytest.fixture(scope="module")
def sent(house: House, people: Any) -> Sent:
    return Sent(house, people.ada)


def wrong(page: Any, sent: Sent, **given: Any) -> str:
    """Return what the verifier says is wrong."""
    values = {
        "headers": sent.headers,
        "body": sent.body,
        "secret": sent.secret,
        "public_key": sent.public,
        "now": sent.now_s,
    }
    with pytest.raises(page.NotVerified) as caught:
        page.verify(**values | given)
    told: str = caught.value.wrong
    return told


def changed(headers: Mapping[str, str], **given: str) -> dict[str, str]:
    return {**headers, **{f"webhook-{name}": value for name, value in given.items()}}


def test_the_verifier_of_the_page_takes_a_real_delivery(page: Any, sent: Sent) -> None:
    upper = {name.title(): value for name, value in sent.headers.items()}

    for headers in (sent.headers, upper):
        for public in (None, sent.public):
            verified = page.verify(headers, sent.body, sent.secret, public, now=sent.now_s)
            assert verified == sent.headers["webhook-id"]


def test_it_says_what_is_wrong(page: Any, sent: Sent) -> None:
    other = SigningKeys(bytes(range(64)))
    signature = sent.headers["webhook-signature"]

    assert wrong(page, sent, secret=other.reveal()) == "secret"
    assert wrong(page, sent, secret="whsec_short") == "secret"
    assert wrong(page, sent, secret=sent.secret[:-5]) == "secret"
    assert wrong(page, sent, public_key="whpk_short") == "secret"
    assert wrong(page, sent, secret=other.reveal(), public_key=None) == "signature"
    assert wrong(page, sent, body=sent.body.replace(b'":', b'": ')) == "signature"
    assert wrong(page, sent, headers=changed(sent.headers, id="evt_1")) == "signature"
    assert wrong(page, sent, headers=changed(sent.headers, signature="v1,AAAA")) == "signature"
    assert wrong(page, sent, headers={}) == "headers"
    assert wrong(page, sent, headers=changed(sent.headers, timestamp="soon")) == "headers"
    six = " ".join([signature] * 3)
    assert wrong(page, sent, headers=changed(sent.headers, signature=six)) == "headers"
    for off in (-301, 301):
        assert wrong(page, sent, now=sent.now_s + off) == "clock"
    for off in (-300, 300):
        assert page.verify(sent.headers, sent.body, sent.secret, now=sent.now_s + off)


def test_it_never_tells_a_secret(page: Any, sent: Sent) -> None:
    with pytest.raises(page.NotVerified) as caught:
        page.verify(sent.headers, sent.body, sent.secret[:-5], now=sent.now_s)

    assert sent.secret[:-5].removeprefix("whsec_") not in str(caught.value)


def test_our_verifier_and_the_library_of_the_standard_agree(sent: Sent) -> None:
    now_s = int(dt.datetime.now(dt.UTC).timestamp())
    headers = dict(sent.parcel.sign(now_s))

    assert standardwebhooks.Webhook(sent.secret).verify(sent.body, headers)
    for text in (sent.secret, sent.public):
        assert Verifier([text]).verify(sent.headers, sent.body, now_s=sent.now_s)
    assert webhooks.TOLERANCE_S == 300


def test_both_keys_of_a_rotation_verify_until_the_overlap_ends(
    house: House, ada: Holder, page: Any
) -> None:
    made = endpoint(house, ada)
    rotated = house.post(f"/v1/webhook_endpoints/{made['id']}/rotate", ada, {"overlap_s": 60})
    during = parcel_of(house, ada, made["id"])
    now_s = int(house.clock.now().timestamp())
    headers = during.sign(now_s)

    for secret in (made["secret"], rotated["secret"]):
        assert page.verify(headers, during.body, secret, now=now_s)
    house.clock.advance(dt.timedelta(seconds=61))
    later = parcel_of(house, ada, made["id"])
    headers = later.sign(now_s)

    assert page.verify(headers, later.body, rotated["secret"], now=now_s)
    with pytest.raises(page.NotVerified):
        page.verify(headers, later.body, made["secret"], now=now_s)
    shown = house.get(f"/v1/webhook_endpoints/{made['id']}", ada)
    assert [one["expires_at"] for one in shown["public_keys"]] == [None]


def test_a_secret_is_in_the_answer_that_makes_it_and_in_no_other(house: House, ada: Holder) -> None:
    endpoint(house, ada)
    once = {"Idempotency-Key": f"made-once-{house.next():08d}"}
    body = {"url": "https://hooks.example/once"}
    first = house.send("POST", "/v1/webhook_endpoints", key=ada, body=body, headers=once)
    path = f"/v1/webhook_endpoints/{first.json['id']}"

    again = house.send("POST", "/v1/webhook_endpoints", key=ada, body=body, headers=once)
    others = [
        house.get("/v1/webhook_endpoints", ada),
        house.get(path, ada),
        house.get(f"{path}/deliveries", ada),
        house.post(path, ada, {"description": "x"}),
        house.post(f"{path}/rotate", ada),
    ]

    secret = first.json["secret"]
    assert Verifier([secret])
    assert again.json == first.json | {"secret": None}
    assert secret not in str(others)
    everywhere = str(house.rows()) + "".join(
        one.getvalue().decode() for one in house.lines.values()
    )
    assert secret.removeprefix("whsec_") not in everywhere


def test_pages_of_deliveries_follow_each_other(house: House, ada: Holder) -> None:
    made = endpoint(house, ada)
    for _ in range(5):
        house.create(ada)
    while house.worker.run_once():
        pass
    path = f"/v1/webhook_endpoints/{made['id']}/deliveries"

    pages, cursor = [], ""
    while True:
        page = house.get(f"{path}?limit=2{cursor}", ada)
        pages.append([one["id"] for one in page["deliveries"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    whole = [one["id"] for one in house.get(path, ada)["deliveries"]]
    assert [len(one) for one in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole
    assert house.get(f"{path}?state=failed", ada)["deliveries"] == []
    assert len(house.get(f"{path}?state=pending", ada)["deliveries"]) == 5
    other = endpoint(house, ada)
    stolen = house.send(
        "GET", f"/v1/webhook_endpoints/{other['id']}/deliveries?limit=2{cursor}", key=ada
    )
    assert (stolen.status, stolen.code) == (400, "cursor_invalid")


def test_an_event_tells_nothing_of_the_payer(house: House, ada: Holder) -> None:
    made = endpoint(house, ada)
    payer = {"payer_id": "c_private", "email": "lin.private@example.com"}
    house.create(ada, payer=payer, device={"device_id": "d_private", "ip": "198.51.100.77"})
    while house.worker.run_once():
        pass
    source = jobs.Deliveries(house.reader, house.secrets.sealer)
    [sent] = [one for one in source(house.clock.now(), lambda _: 50) if one.receiver == made["id"]]

    # Ids may hold any five digits: the amount is looked for as a number.
    for private in (rb"private", rb"198\.51\.100\.77", rb"\b38000\b", rb"p_77"):
        assert not re.search(private, sent.body), sent.body
    assert len(sent.body) < 1_000


def test_the_page_names_every_kind_and_nothing_else() -> None:
    assert dict(ROW.findall(PAGE)) == KINDS


def test_the_example_of_the_page_has_the_members_that_are_sent(sent: Sent) -> None:
    [block] = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    shown, told = json.loads(block), json.loads(sent.body)

    assert list(shown) == list(told)
    assert list(shown["data"]) == list(told["data"])
