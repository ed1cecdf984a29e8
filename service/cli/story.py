"""The demo's story: shops, one payer, what she did before, and the payments that are shown."""

import contextlib
import datetime as dt
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from keys import entropy
from keys.api_keys import new_api_key
from risk.simulation.shapes import Paid
from service.cli.audit_finding import Finding
from service.cli.curls import WITH_PHONE, Body, Line, Shop, configuration, lines, payment
from service.cli.history import History, Seeded, Seeder
from service.cli.kinds import Kind, try_each
from service.cli.learning import Learned, Lesson, go_back
from service.cli.replay.sender import Answer, Sender, read_target
from service.cli.screen import Failure
from service.cli.writers import ask, house_call, merchant_call
from service.kernel.clock import SystemClock
from service.rooms.merchants.contract import (
    DEFAULT_SCOPES,
    CreateKey,
    CreateMerchant,
    Merchant,
    Preset,
    Scope,
    SetPreset,
)
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Submit

# Over 30 days: the phone counts as known (docs/policy.md).
PHONE_KNOWN: Final = dt.timedelta(days=60)
# Of a key that sends what a made-up world did on a day that is over.
PAST_SCOPES: Final[tuple[Scope, ...]] = ("assessments:explain", "payments:write", "replay")
LANGUAGES: Final[tuple[Literal["en", "zh"], ...]] = ("en", "zh")
_MILLISECOND_NS: Final = 1_000_000


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """A fraud that was tried in the demo, and what stopped it.

    Attributes:
        tried: What was done, for people.
        outcome: Of its last payment.
        reasons: Why, in English and Chinese, as officers read it.
    """

    tried: str
    outcome: str
    reasons: tuple[str, ...]


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints when the demo is ready.

    Attributes:
        url: Where it answers.
        data_dir: Where its data lie.
        shops: Its merchants that lines are sent for.
        request: The request that it sent itself.
        answer: The answer to it.
        answer_ms: How long it took.
        lines: What to paste.
        stopped: What else was tried and stopped.
        learned: The model that was trained on that, or why there is none.
        history: What a third shop lived through; None where that was left away.
        kinds: One payment of each kind, tried there.
        log: What verifying the log of all this found; None before it was verified.
    """

    url: str
    data_dir: str
    shops: tuple[Shop, ...]
    request: dict[str, Any]
    answer: dict[str, Any]
    answer_ms: float
    lines: tuple[Line, ...]
    stopped: tuple[Stopped, ...]
    history: Seeded | None = None
    learned: Learned | None = None
    kinds: tuple[Kind, ...] = ()
    log: Finding | None = None


class Story:
    """Sets the scene: shops, one payer, what she did before, and the payments shown."""

    def __init__(self, settings: Settings, submit: Submit, url: str) -> None:
        self._settings = settings
        self._submit = submit
        self._url = url
        self._clock = SystemClock()
        self._secrets = open_secrets(settings.root_file, entropy.system)
        self._at = _rfc3339(self._clock.now())

    def tell(self) -> Ready:
        """Return what the demo prints."""
        kites, _ = self._shop("kites", "judge_only")
        books, merchant = self._shop("books", "judge_only")
        self._paid_before(books)
        # From now on the bookshop asks for proof, but not for small payments by a payer it knows.
        call = merchant_call(merchant.tenant_id, merchant.merchant_id, mode="sandbox")
        ask(self._submit, SetPreset(preset="CN"), call=call)
        books = msgspec.structs.replace(books, preset="CN")
        request = payment(minor=38_000, payee="kites", at=self._at)
        answer = self._post(kites, "/v1/payments", request, "kites-order-0000")
        return Ready(
            url=self._url,
            data_dir=str(self._settings.data_dir),
            shops=(kites, books),
            request=request,
            answer=answer.body,
            answer_ms=round(answer.duration_ns / _MILLISECOND_NS, 1),
            lines=tuple(lines(self._url, kites, books, at=self._at, payment_id=answer.body["id"])),
            stopped=(self._drained(kites),),
        )

    def live(self, history: History) -> Seeded:
        """Let a third shop, a wallet, live through weeks of a made-up world."""
        _, self._wallet = self._shop("wallet", "judge_only")
        return history.send(Seeder(self._settings, self._submit, self._wallet))

    @property
    def folder(self) -> Path:
        """Where the demo's files lie."""
        return self._settings.data_dir

    def learn(self, learning: Lesson) -> Learned:
        """Let a strategy with a model decide from here on, once the model is there."""
        return learning.end(self._settings, self._submit)

    def kinds(self, history: History, learned: Learned) -> tuple[Kind, ...]:
        """Return one payment of each kind, tried in the shop that has a history.

        Afterwards the strategy without the model decides again: of the other shops it has learnt
        nothing, and would take whoever pays there for a stranger.
        """
        key = self._key(self._wallet, PAST_SCOPES)
        shop = Shop(name="wallet", preset="judge_only", key=key, file="")

        def post(paid: Paid, language: Literal["en", "zh"]) -> dict[str, Any]:
            once = f"wallet-{paid.body['reference']}"
            return self._post(shop, "/v1/payments", paid.body, once, language=language).body

        found = try_each(history.one_of_each, post)
        if learned.strategy is not None:
            go_back(self._settings, self._submit)
        return found

    def _drained(self, shop: Shop) -> Stopped:
        """Let a scammer have nearly all of an account sent to someone new."""
        body = payment(
            minor=970_000,
            payee="safe-account",
            at=self._at,
            kind="transfer",
            payer={"payer_id": "wang"},
            balance_before={"value": 1_000_000, "currency": "CNY"},
        )
        return self._stopped(
            shop, [body], "a victim sends 9,700.00 of 10,000.00 yuan to a stranger"
        )

    def _stopped(self, shop: Shop, bodies: list[Body], tried: str) -> Stopped:
        key = f"{shop.name}-tried-{bodies[0]['payer']['payer_id']}"
        for number, body in enumerate(bodies[:-1]):
            self._post(shop, "/v1/payments", body, f"{key}-{number:04d}")
        # The same request again, for its answer in Chinese: it changes nothing.
        english, chinese = (
            self._post(shop, "/v1/payments", bodies[-1], f"{key}-last", language=language).body
            for language in LANGUAGES
        )
        reasons = [
            one["text"] for answer in (english, chinese) for one in answer["assessment"]["reasons"]
        ]
        return Stopped(tried=tried, outcome=english["outcome"], reasons=tuple(reasons))

    def _shop(self, name: str, preset: Preset) -> tuple[Shop, Merchant]:
        command = CreateMerchant(name=name, preset=preset)
        merchant = ask(self._submit, command, call=house_call()).read(Merchant)
        key = self._key(merchant, DEFAULT_SCOPES)
        file = self._settings.data_dir / name
        file.touch(mode=0o600)
        file.write_text(configuration(key))
        return Shop(name=name, preset=preset, key=key, file=str(file)), merchant

    def _key(self, merchant: Merchant, scopes: tuple[Scope, ...]) -> str:
        """Return the text of a new sandbox key of a merchant."""
        text = new_api_key("sandbox", entropy.system)
        command = CreateKey(
            mode="sandbox",
            scopes=scopes,
            secret_hash=text.index(self._secrets.api_key_index),
        )
        call = merchant_call(merchant.tenant_id, merchant.merchant_id, mode="sandbox")
        ask(self._submit, command, call=call)
        return text.reveal()

    def _paid_before(self, shop: Shop) -> None:
        """Let Lin consent to small payments, and pay the bookshop once from her phone."""
        since = _rfc3339(self._clock.now() - PHONE_KNOWN)
        payer = {
            "payer_id": "lin",
            "consent": {"small_payments": True},
            "known_devices": [{"device_id": "lins-phone", "since": since}],
        }
        self._post(shop, "/v1/payers", payer, "books-payer-lin-01")
        body = payment(minor=9_000, payee="books", at=self._at, **WITH_PHONE)
        made = self._post(shop, "/v1/payments", body, "books-order-0000").body
        parts = {name: body[name] for name in ("amount", "payee", *WITH_PHONE)}
        execute = {"payment_token": made["payment_token"], **parts}
        self._post(shop, f"/v1/payments/{made['id']}/execute", execute, "books-execute-0000")

    def _post(
        self,
        shop: Shop,
        path: str,
        body: Body,
        key: str,
        *,
        language: Literal["en", "zh"] = "en",
    ) -> Answer:
        sender = Sender(
            read_target(self._url), key=shop.key, clock=self._clock, wait=lambda _seconds: True
        )
        with contextlib.closing(sender):
            answer = sender.post(path, body, idempotency_key=key, language=language)
        if not answer.is_good:
            raise Failure(
                "demo_failed",
                f"the demo's own request to {path} was answered {answer.code}",
                then=f"read {self._settings.data_dir}/payguard.log (give --keep to keep it)",
            )
        return answer


def _rfc3339(at: dt.datetime) -> str:
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")
