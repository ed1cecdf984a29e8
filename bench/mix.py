"""The requests of a benchmark: seeded, so that every side is sent the same ones."""

import random
import time
from collections.abc import Iterator
from typing import NamedTuple

PAYERS = 50_000
PAYEES = 2_000
ADDRESSES = 20_000
# One payment in twenty comes from a payer who sends far too many: those are declined, since the
# limit on speed is 30 an hour; the others approve.
DECLINED_EVERY = 20
BURSTING = 4
BURST = 31 * BURSTING
HOT_SHARE = 0.3


class Kind(NamedTuple):
    """What is sent.

    Attributes:
        is_hot: Whether three payments in ten go to one payee.
        is_hot_merchant: Whether three in ten come from the first merchant.
        is_bad: Whether each body has one field of a wrong type.
        is_burst: Whether all come from those who send far too many.
    """

    is_hot: bool = False
    is_bad: bool = False
    is_burst: bool = False
    is_hot_merchant: bool = False


KINDS = {
    "uniform": Kind(),
    "hot": Kind(is_hot=True),
    "hot_merchant": Kind(is_hot_merchant=True),
    "bad": Kind(is_bad=True),
    "burst": Kind(is_burst=True),
}


def requests(kind: Kind, *, key: str, tag: str, seed: int) -> Iterator[bytes]:
    """Yield HTTP requests without end, each a payment of now under its own Idempotency-Key.

    Args:
        kind: What is sent.
        key: API key, or those of several merchants with commas between them.
        tag: Makes references and idempotency keys differ from those of other runs.
        seed: Of everything that is chosen by chance.
    """
    chance = random.Random(seed)
    heads = [
        "POST /v1/payments HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {one}\r\nContent-Type: application/json\r\n"
        for one in key.split(",")
    ]
    word = "7" if kind.is_bad else '"purchase"'
    number = 0
    while True:
        number += 1
        if kind.is_burst or number % DECLINED_EVERY == 0:
            payer = f"burst{chance.randrange(BURSTING)}"
        else:
            payer = str(chance.randrange(PAYERS))
        payee = "hot" if kind.is_hot and chance.random() < HOT_SHARE else chance.randrange(PAYEES)
        head = heads[0]
        if len(heads) > 1 and not (kind.is_hot_merchant and chance.random() < HOT_SHARE):
            head = chance.choice(heads[1:] if kind.is_hot_merchant else heads)
        address = chance.randrange(ADDRESSES)
        minor = 100 + chance.randrange(80_000)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        once = f"bench-{tag}-{number:08d}"
        body = (
            f'{{"reference":"{once}","occurred_at":"{now}","kind":{word},'
            f'"amount":{{"value":{minor},"currency":"CNY"}},'
            f'"payer":{{"payer_id":"c_{payer}","account_created_at":"2024-03-02T00:00:00Z"}},'
            f'"payee":{{"payee_id":"p_{payee}","type":"merchant","name":"Shop {payee}"}},'
            f'"instrument":{{"instrument_id":"i_{payer}","type":"card","bin":"621700"}},'
            f'"device":{{"device_id":"d_{payer}","platform":"android",'
            f'"ip":"10.{address >> 8 & 255}.{address & 255}.9"}},'
            f'"order":{{"order_id":"{once}","total":{{"value":{minor},"currency":"CNY"}}}},'
            '"entry":"app","channel":"mobile_app","mcc":"5732"}'
        )
        yield (
            f"{head}Idempotency-Key: {once}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
