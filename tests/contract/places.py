"""Brings a payment to each status by what really leads there."""

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from service.rooms.models.contract import AddModelPart
from service.rooms.models.model import digest, signed
from service.rooms.payments import model, moves
from service.rooms.payments.commands.story import Story, found, payment_key, payment_read
from service.rooms.payments.contract import PaymentReply, Status
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Accepted
from tests.contract.house import MAKER, Holder, House
from tests.service.rooms.models.conftest import adding, manifest
from tests.support.uow import a_house_call

AMOUNT: Final = 38_000
QUARTER: Final = dt.timedelta(minutes=15)


class SuspendPayment(Command, frozen=True, kw_only=True):
    """What an officer or the engine will do; no route or rule leads there yet."""

    gives: ClassVar[type[msgspec.Struct]] = PaymentReply

    payment_id: str


def _suspend(view: View, command: SuspendPayment, ctx: Context) -> Accepted:
    story = Story(ctx, found(view, ctx.call, command.payment_id))
    story.happen(model.Moved(at=ctx.now, action="suspend", to="suspended"))
    story.record("payment.hold_ended", {})
    return story.accepted(PaymentReply(payment=model.base(story.payment)))


def _reads(command: SuspendPayment, call: Call) -> Any:
    return (payment_read(call, command.payment_id),)


EXTRA: Final = (
    Handler(
        command=SuspendPayment,
        run=_suspend,
        keys=lambda command, _call: (payment_key(command.payment_id),),
        reads=_reads,
        entities=no_entities,
    ),
)

Place = Callable[[House, Holder], dict[str, Any]]


def event(house: House, type_: str, **more: Any) -> dict[str, Any]:
    """Return a body of POST /events, of an event never told before."""
    return {
        "type": type_,
        "source": "psp",
        "external_id": f"e-{house.next()}",
        "occurred_at": house.clock.now().isoformat(),
    } | more


def report(
    house: House, key: Holder, payment_id: str, type_: str, value: int | None = None, **more: Any
) -> dict[str, Any]:
    """Report an event and return the answer."""
    if value is not None:
        more["amount"] = {"value": value, "currency": "CNY"}
    told = event(house, type_, **more)
    answer: dict[str, Any] = house.post(f"/v1/payments/{payment_id}/events", key, told)
    return answer


def execution(payment: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return the body that executes a payment as it was judged."""
    same = {name: request[name] for name in ("amount", "payee", "device") if name in request}
    return {"payment_token": payment["payment_token"], **same}


def _judged(outcome: str) -> Place:
    def go(house: House, key: Holder) -> dict[str, Any]:
        return house.create(key, payee={"payee_id": f"test:{outcome}"})

    return go


def approved(house: House, key: Holder) -> dict[str, Any]:
    """Return an approved payment with the body that executes it under `execution`."""
    request = house.body(payee={"payee_id": "test:approve"})
    payment: dict[str, Any] = house.post("/v1/payments", key, request, status=201)
    return payment | {"execution": execution(payment, request)}


def cancelled(house: House, key: Holder) -> dict[str, Any]:
    payment = approved(house, key)
    house.post(f"/v1/payments/{payment['id']}/cancel", key)
    return payment


def time_passes(house: House) -> None:
    """Let a quarter of an hour go by, and every timer that is due do its work."""
    house.clock.advance(QUARTER)
    while house.worker.run_once():
        pass


def expired(house: House, key: Holder) -> dict[str, Any]:
    payment = approved(house, key)
    time_passes(house)
    return payment


def executing(house: House, key: Holder) -> dict[str, Any]:
    payment = approved(house, key)
    house.post(f"/v1/payments/{payment['id']}/execute", key, payment["execution"])
    return payment


def unknown(house: House, key: Holder) -> dict[str, Any]:
    payment = executing(house, key)
    time_passes(house)
    return payment


def after(place: Place, *types: str) -> Place:
    """Return a place to which events lead from another."""

    def go(house: House, key: Holder) -> dict[str, Any]:
        payment = place(house, key)
        for type_ in types:
            report(house, key, payment["id"], type_)
        return payment

    return go


executed: Final = after(executing, "authorized")
captured: Final = after(executed, "captured")


def suspended(house: House, key: Holder) -> dict[str, Any]:
    payment = executed(house, key)
    house.do(SuspendPayment(payment_id=payment["id"]), house.call_of(key))
    return payment


PLACES: Final[dict[Status, Place]] = {
    "approved": approved,
    "challenge_required": _judged("challenge"),
    "held": _judged("hold"),
    "declined": _judged("decline"),
    "cancelled": cancelled,
    "expired": expired,
    "executing": executing,
    "unknown": unknown,
    "executed": executed,
    "captured": captured,
    "suspended": suspended,
    "failed": after(executing, "refused"),
    "settled": after(captured, "settled"),
    "reversed": after(executed, "reversed"),
}
assert PLACES.keys() == set(moves.STATUSES)


def at(house: House, key: Holder, status: Status) -> dict[str, Any]:
    """Return a payment that has this status, as its creation answered it."""
    payment = PLACES[status](house, key)
    is_there = house.get(f"/v1/payments/{payment['id']}", key)["status"]
    assert is_there == status
    return payment


def good_request(house: House, key: Holder, name: str) -> tuple[str, Any]:
    """Return path and body of a request that a route accepts, by the route's name.

    Raises:
        KeyError: A new route; say here what it accepts.
    """
    return _GOOD[name](house, key)


def _of_payment(status: Status, action: str, body: Callable[[House, Any], Any]) -> Any:
    def make(house: House, key: Holder) -> tuple[str, Any]:
        payment = at(house, key, status)
        return f"/v1/payments/{payment['id']}{action}", body(house, payment)

    return make


def _of_part(status: Status, part: str, action: str) -> Any:
    def make(house: House, key: Holder) -> tuple[str, Any]:
        payment = at(house, key, status)
        return f"/v1/{part}s/{payment[part]['id']}{action}", {} if action else None

    return make


def endpoint(house: House, key: Holder) -> dict[str, Any]:
    """Return a new webhook endpoint, in place of those that were made before."""
    for old in house.get("/v1/webhook_endpoints", key)["endpoints"]:
        house.post(f"/v1/webhook_endpoints/{old['id']}/delete", key)
    told = {"url": "https://hooks.example/payguard", "description": "the shop"}
    made: dict[str, Any] = house.post("/v1/webhook_endpoints", key, told, status=201)
    return made


def delivery(house: House, key: Holder) -> dict[str, Any]:
    """Return a delivery that waits to be sent to a new endpoint."""
    made = endpoint(house, key)
    house.create(key)
    while house.worker.run_once():
        pass
    page = house.get(f"/v1/webhook_endpoints/{made['id']}/deliveries", key)
    found: dict[str, Any] = page["deliveries"][0]
    return found


def _of_endpoint(action: str, body: Any) -> Any:
    def make(house: House, key: Holder) -> tuple[str, Any]:
        return f"/v1/webhook_endpoints/{endpoint(house, key)['id']}{action}", body

    return make


def _replayed(house: House, key: Holder) -> tuple[str, Any]:
    return f"/v1/webhook_deliveries/{delivery(house, key)['id']}/replay", {}


def _listed(house: House, key: Holder) -> tuple[str, Any]:
    found = delivery(house, key)
    return f"/v1/webhook_endpoints/{found['endpoint_id']}/deliveries", None


def list_entry(house: House) -> dict[str, Any]:
    """Return a body that puts a payee on a list that no test has put there."""
    return {
        "kind": "block",
        "entity": "payee",
        "value": f"mule_{house.next()}",
        "reason": "payers said that they never got anything",
        "owner": "risk team",
    }


def _of_entry(action: str, body: Any) -> Any:
    def make(house: House, key: Holder) -> tuple[str, Any]:
        made = house.post("/v1/lists/entries", key, list_entry(house), status=201)
        return f"/v1/lists/entries/{made['id']}{action}", body

    return make


def _labelled(house: House, key: Holder) -> tuple[str, Any]:
    told = {
        "payment_id": house.create(key)["id"],
        "intent": "scam",
        "source": "bank",
        "external_id": f"case-{house.next()}",
    }
    return "/v1/labels", told


def _labels(house: House, key: Holder) -> tuple[str, Any]:
    path, told = _labelled(house, key)
    house.post(path, key, told, status=201)
    return f"{path}?payment_id={told['payment_id']}", None


def _signed(path: str) -> Any:
    def make(house: House, _key: Holder) -> tuple[str, Any]:
        house.sign()
        return path, None

    return make


def _proved(house: House, key: Holder) -> tuple[str, Any]:
    made = house.create(key)
    house.sign()
    return f"/v1/audit/inclusion?index={made['receipt']['index']}", None


def action(house: House, event: str = "login", **given: Any) -> dict[str, Any]:
    """Return a body that has an action judged which happens now."""
    belongs: dict[str, Any] = {}
    if event in {"new_payee", "payout"}:
        belongs["payee"] = {"payee_id": "p_77"}
    if event == "payout":
        belongs["amount"] = {"value": AMOUNT, "currency": "CNY"}
    if event == "account_change":
        belongs["changes"] = ["email"]
    told = {"event": event, "payer": {"payer_id": "c_17"}} | belongs | given
    return {"occurred_at": house.clock.now().isoformat()} | told


def assessed(house: House, key: Holder, outcome: str = "hold") -> dict[str, Any]:
    """Return an action that the sandbox forces to an outcome; live it is approved."""
    told = action(house, payer={"payer_id": f"test:{outcome}"})
    made: dict[str, Any] = house.post("/v1/assessments", key, told, status=201)
    return made


def _of_action(do: str, body: Any) -> Any:
    def make(house: House, key: Holder) -> tuple[str, Any]:
        return f"/v1/assessments/{assessed(house, key)['id']}{do}", body

    return make


def _another(house: House, key: Holder) -> tuple[str, Any]:
    endpoint(house, key)
    return "/v1/webhook_endpoints", {"url": "https://hooks.example/other"}


def add_model(house: House, name: str) -> str:
    """Bring a model and return its id."""
    file, told = b"what the trees are matters to nobody here", manifest(name=name)
    house.do(AddModelPart(content=file), a_house_call())
    house.do(adding(file, manifest=told, note=signed(told, MAKER)), a_house_call())
    return f"sha256:{digest(told)}"


def _model(house: House, _key: Holder) -> tuple[str, Any]:
    return f"/v1/models/{add_model(house, f'model {house.next()}')}", None


_GOOD: Final[dict[str, Callable[[House, Holder], tuple[str, Any]]]] = {
    "create_payment": lambda house, _: ("/v1/payments", house.body()),
    "list_payments": lambda _house, _: ("/v1/payments", None),
    "get_payment": _of_payment("captured", "", lambda _house, _: None),
    "execute_payment": _of_payment("approved", "/execute", lambda _, paid: paid["execution"]),
    "issue_payment_token": _of_payment("approved", "/token", lambda _house, _: {}),
    "report_event": _of_payment("executing", "/events", lambda house, _: event(house, "captured")),
    "cancel_payment": _of_payment("approved", "/cancel", lambda _house, _: {"reason": "typo"}),
    "get_challenge": _of_part("challenge_required", "challenge", ""),
    "cancel_challenge": _of_part("challenge_required", "challenge", "/cancel"),
    "get_hold": _of_part("held", "hold", ""),
    "cancel_hold": _of_part("held", "hold", "/cancel"),
    "register_payer": lambda house, _: ("/v1/payers", {"payer_id": f"c_{house.next()}"}),
    "create_assessment": lambda house, _: ("/v1/assessments", action(house)),
    "list_assessments": lambda _house, _: ("/v1/assessments", None),
    "get_assessment": _of_action("", None),
    "release_assessment": _of_action("/release", {"reason": "the payer called"}),
    "refuse_assessment": _of_action("/refuse", {}),
    "record_label": _labelled,
    "list_labels": _labels,
    "add_list_entry": lambda house, _: ("/v1/lists/entries", list_entry(house)),
    "list_list_entries": lambda _house, _: ("/v1/lists/entries", None),
    "get_list_entry": _of_entry("", None),
    "remove_list_entry": _of_entry("/remove", {}),
    "list_models": lambda _house, _: ("/v1/models", None),
    "get_model": _model,
    "get_checkpoint": _signed("/v1/audit/checkpoint"),
    "list_log_entries": _signed("/v1/audit/entries"),
    "prove_log_entry": _proved,
    "prove_log_consistency": _signed("/v1/audit/consistency?old=1"),
    "create_webhook_endpoint": _another,
    "list_webhook_endpoints": lambda _house, _: ("/v1/webhook_endpoints", None),
    "get_webhook_endpoint": _of_endpoint("", None),
    "update_webhook_endpoint": _of_endpoint("", {"description": "the other shop"}),
    "rotate_webhook_secret": _of_endpoint("/rotate", {"overlap_s": 60}),
    "disable_webhook_endpoint": _of_endpoint("/disable", {}),
    "enable_webhook_endpoint": _of_endpoint("/enable", {}),
    "delete_webhook_endpoint": _of_endpoint("/delete", {}),
    "replay_webhook_deliveries": _of_endpoint("/replay", {}),
    "list_webhook_deliveries": _listed,
    "replay_webhook_delivery": _replayed,
    "get_public_keys": lambda _house, _: ("/.well-known/jwks.json", None),
}
