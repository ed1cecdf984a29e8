"""Payments that were, drawn at random around everything that a strategy looks at."""

import datetime as dt
from functools import partial

import numpy as np

from risk.facts import Facts
from risk.offline.columns import Columns
from risk.offline.history import History

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KINDS = ("purchase", "transfer", "payout", "verification")
CURRENCIES = ("CNY", "USD")
ENTRIES = (None, "web", "qr_static")
CHANNELS = (None, "a", "b")
FLAGS = (None, False, True)


def history_of(rows: int, *, seed: int, preset: str) -> History:
    """Return payments of nine payers to five payees, in the order of their times."""
    random = np.random.default_rng(seed)
    kind = random.choice(len(KINDS), rows, p=[0.7, 0.1, 0.1, 0.1])
    # Amounts on both sides of every limit, and on the limits themselves.
    limits = [0, 100, 20_000, 50_000, 99_999, 100_000, 100_001, 500_000, 500_001, 9_000_000]
    amount = np.where(kind == 3, 0, random.choice(limits[1:], rows))
    currency = random.choice(2, rows, p=[0.9, 0.1])
    entry, is_guest = random.integers(0, 3, rows), random.random(rows) < 0.2
    is_merchants, is_card = random.random(rows) < 0.2, random.random(rows) < 0.5
    payer, payee = random.integers(0, 9, rows), random.integers(0, 5, rows)
    # One payer keeps every payment just under what the CN preset lets through without proof.
    is_cut = payer == 8
    kind, currency = np.where(is_cut & (kind == 3), 0, kind), np.where(is_cut, 0, currency)
    amount = np.where(is_cut, random.choice([8_000, 9_900, 10_000], rows), amount)
    device = np.where(random.random(rows) < 0.3, -1, random.integers(0, 5, rows))
    channel, flag = random.integers(0, 3, rows), random.integers(0, 3, rows)
    balance = random.choice([-1, 0, 100_000, 600_000], rows)
    second = 1_700_000_000 + np.cumsum(random.choice([0, 1, 30, 600], rows))
    # Accounts and contacts that changed a while before, a moment before, or never.
    before = [-1, int(second[0]) - 900, int(second[0]) - 250_000, int(second[rows // 2])]
    opened, changed = random.choice(before, rows), random.choice(before, rows)
    told = {
        "kind": kind,
        "amount.currency": currency,
        "entry": entry,
        "payer.payer_id": np.where(is_guest, -1, payer),
        "payee.payee_id": payee,
        "device.device_id": device,
        "initiator": is_merchants,
        "instrument.type": is_card,
        "instrument.instrument_id": payer,
        "channel": channel,
        "device.remote_access": flag,
        "balance_before.value": balance,
        "payer.account_created_at": opened,
        "payer.contact_changed_at": changed,
    }
    codes = {name: np.asarray(code, np.int64) for name, code in told.items()}
    columns = columns_of(codes, second, amount)
    return History(columns, codes, partial(facts_of, codes, columns), preset)


def columns_of(told: dict[str, np.ndarray], second: np.ndarray, amount: np.ndarray) -> Columns:
    """Return the columns of payments that were told by numbers."""
    none = np.full(len(second), -1)
    payer = told["instrument.instrument_id"]
    return Columns(
        second=second,
        amount_minor=amount,
        currency=told["amount.currency"],
        is_declined=np.zeros(len(second), np.int64),
        keys={
            **dict.fromkeys(("email", "phone", "address", "bin", "ip", "ip_24"), none),
            "issuer_country": none,
            "payer": payer,
            "payee": told["payee.payee_id"],
            "device": told["device.device_id"],
            "instrument": payer,
            "merchant": np.zeros(len(second), np.int64),
        },
    )


def facts_of(told: dict[str, np.ndarray], columns: Columns, row: int) -> Facts:
    """Return the facts of a row."""
    one = {name: int(code[row]) for name, code in told.items()}
    payer, device = one["instrument.instrument_id"], one["device.device_id"]
    balance, opened = one["balance_before.value"], one["payer.account_created_at"]
    changed, kind = one["payer.contact_changed_at"], KINDS[one["kind"]]
    return Facts(
        stage="payout" if kind == "payout" else "pre_payment",
        occurred_at=at(columns.second[row]),
        kind=kind,
        amount_minor=int(columns.amount_minor[row]),
        currency=CURRENCIES[one["amount.currency"]],
        payer_key=f"c_{payer}",
        payer_id=None if one["payer.payer_id"] < 0 else f"c_{payer}",
        payee_id=f"p_{one['payee.payee_id']}",
        initiator="merchant" if one["initiator"] else "payer",
        instrument_id=f"i_{payer}",
        instrument_type="card" if one["instrument.type"] else "account",
        device_id=None if device < 0 else f"d_{device}",
        entry=ENTRIES[one["entry"]],
        channel=CHANNELS[one["channel"]],
        remote_access=FLAGS[one["device.remote_access"]],
        balance_before_minor=None if balance < 0 else balance,
        account_created_at=None if opened < 0 else at(opened),
        contact_changed_at=None if changed < 0 else at(changed),
        merchant_id="m_1",
    )


def at(second: int) -> dt.datetime:
    """Return an instant by its seconds since 1970."""
    return EPOCH + dt.timedelta(seconds=int(second))
