"""The demo's requests, and the curl lines that send them. Text and values only: sends nothing."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

Body = dict[str, Any]

_CUT_OUT: Final = r's/.*"id":"(pay_[^"]+).*"payment_token":"([^"]+).*/\1 \2/'


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One of the demo's merchants.

    Attributes:
        name: As the demo calls it.
        preset: Its rules on proof.
        key: Text of its sandbox key.
        file: Path of a curl configuration that carries the key.
    """

    name: str
    preset: str
    key: str
    file: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line to paste.

    Attributes:
        group: Whose request it is.
        title: What it shows.
        line: The line itself, for bash.
    """

    group: str
    title: str
    line: str


def configuration(key: str) -> str:
    """Return the curl configuration that every line of a shop names by -K."""
    return (
        "# What every request of this shop carries; curl reads it by -K.\n"
        f'header = "Authorization: Bearer {key}"\n'
        'header = "Content-Type: application/json"\n'
        'write-out = "\\n"\n'
        "silent\n"
        "show-error\n"
    )


def payment(*, minor: int, payee: str, at: str, **more: Any) -> Body:
    """Return the body of a payment by the demo's payer, Lin."""
    return {
        "kind": "purchase",
        "amount": {"value": minor, "currency": "CNY"},
        "payer": {"payer_id": "lin"},
        "payee": {"payee_id": payee},
        **more,
        "occurred_at": at,
    }


# Without instrument and known device nothing small goes through without proof.
WITH_PHONE: Final[Body] = {
    "device": {"device_id": "lins-phone"},
    "instrument": {"instrument_id": "lins-card"},
}


def lines(url: str, kites: Shop, books: Shop, *, at: str, payment_id: str) -> Iterator[Line]:
    """Yield the lines to paste, each of which works alone, in any order and again.

    Args:
        url: Where the demo answers.
        kites: The shop under judge_only.
        books: The shop under CN, whose payer has consented and paid there before.
        at: The time that the payments carry.
        payment_id: A payment of the first shop.
    """
    normal = payment(minor=38_000, payee="kites", at=at)
    small = payment(minor=1_800, payee="books", at=at, **WITH_PHONE)
    larger = payment(minor=12_000, payee="books", at=at, **WITH_PHONE)
    refused = payment(minor=38_000, payee="test:decline", at=at)

    def create(shop: Shop, title: str, body: Body, key: str) -> Line:
        return Line(group=shop.name, title=title, line=_create(url, shop, body, key))

    def execute(shop: Shop, title: str, body: Body) -> Line:
        return Line(group=shop.name, title=title, line=_execute(url, shop, body))

    yield create(kites, "a payment: judged and approved", normal, "kites-order-0001")
    yield execute(kites, "one executed: its token is spent at once", normal)
    again = _create(url, kites, normal, "kites-order-0001").replace("curl", "curl -i", 1)
    title = "the first again: same key, same answer, Idempotent-Replayed: true"
    yield Line(group=kites.name, title=title, line=again)
    yield create(kites, "one that is refused", refused, "kites-order-0002")
    yield create(books, "a small payment: exempt, no proof asked", small, "books-order-0001")
    yield execute(books, "a small one executed", small)
    yield create(books, "a larger one: proof of level 1 asked", larger, "books-order-0002")
    yield create(books, "one that is refused", refused, "books-order-0003")
    look = f"curl -K {kites.file} {url}/v1/payments/{payment_id}"
    yield Line(group="To look at", title="the payment shown above, all that is known", line=look)
    counts = f"curl -s {url}/metrics | grep ^payguard_decisions_total"
    yield Line(group="To look at", title="what was decided so far", line=counts)


def text(value: Any) -> str:
    """Return a value as JSON for a shell's single quotes."""
    # \u0027 is the JSON spelling of the one character that a shell's quotes cannot hold.
    return msgspec.json.encode(value).decode().replace("'", "\\u0027")


def _create(url: str, shop: Shop, body: Body, key: str) -> str:
    head = f"curl -K {shop.file} {url}/v1/payments"
    return f"{head} -H Idempotency-Key:{key} -d '{text(body)}'"


def _execute(url: str, shop: Shop, body: Body) -> str:
    create = _create(url, shop, body, "order-$(date +%s)-$RANDOM")
    parts = {name: body[name] for name in ("amount", "payee", *WITH_PHONE) if name in body}
    with_token = f"""'{{"payment_token":"'$TOKEN'",{text(parts)[1:]}'"""
    execute = (
        f"curl -K {shop.file} {url}/v1/payments/$ID/execute"
        f" -H Idempotency-Key:execute-$ID -d {with_token}"
    )
    return f"read -r ID TOKEN < <({create} | sed -E '{_CUT_OUT}') && {execute}"
