"""A delivery as the service signs it, with keys of the test's own."""

import datetime as dt

from keys.entropy import CountingEntropy
from keys.webhooks import SigningKeys, headers

KEYS = SigningKeys.generate(CountingEntropy())
SECRET_TEXT = KEYS.reveal()


def signed_delivery(*, now: dt.datetime) -> tuple[dict[str, str], bytes, str]:
    """Return the headers and body of a delivery, and the public key that verifies it."""
    body = b'{"type":"payguard.payment.moved","subject":"pay_1","data":{"status":"approved"}}'
    signed = headers([KEYS], message_id="evt_1", timestamp=int(now.timestamp()), body=body)
    return signed, body, KEYS.public
