"""What the store holds, read beside the processes, and what must be true of it.

Every check compares what is stored with what follows from the log; none asks the service.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from keys.sealing import Sealer
from keys.translog import leaf_hash
from risk.assessment import Assessment
from risk.entity_state import EntityState
from risk.events import judge
from risk.facts import Facts
from risk.strategy import Strategy, load_strategy
from risk.vectors import FeatureVector, entities, vector
from service.db.places import Place
from service.db.statements import Row
from service.rooms.assessments.public import Inputs, open_features
from service.rooms.assessments.tables import ASSESSMENTS, DAY_SUMS, EXEMPTION_COUNTERS
from service.rooms.payments import model
from service.rooms.payments.queries import bodies
from service.rooms.payments.tables import PAYMENTS, TOKENS
from service.state.cache import observe
from service.state.codec import WindowStates
from service.state.entities import ENTITIES, EntityKey, unpack
from service.unit_of_work.tables import ENTRIES, ENTRY_NUMBERS, EVENTS, FAULTS, IDEMPOTENCY, WRITER
from tests.support.places import snapshot

_CODEC: Final = WindowStates()
TABLES: Final = (
    *(PAYMENTS, TOKENS, ASSESSMENTS, DAY_SUMS, EXEMPTION_COUNTERS, ENTITIES),
    *(ENTRIES, ENTRY_NUMBERS, EVENTS, FAULTS, IDEMPOTENCY, WRITER),
)


class Books:
    """All rows of one instant."""

    def __init__(self, place: Place) -> None:
        self._rows = snapshot(place, TABLES)

    def rows(self, table: sa.Table) -> list[Row]:
        """Return a table's rows in the order of its primary key."""
        return self._rows[table.name]

    @property
    def payments(self) -> list[Row]:
        return self.rows(PAYMENTS)

    @property
    def tokens(self) -> list[Row]:
        return self.rows(TOKENS)

    @property
    def events(self) -> list[Row]:
        """Return the events in the order in which they were taken in."""
        return sorted(self.rows(EVENTS), key=lambda row: (row["sequence"], row["ordinal"]))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the log's entries in its order."""
        rows = sorted(self.rows(ENTRIES), key=lambda row: (row["log"], row["position"]))
        return [json.loads(row["body"]) for row in rows]

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self.payments)

    def check(self) -> None:
        """Hold everything that is true whatever happened, but for feature state."""
        self.check_rows_are_folds()
        self.check_tokens()
        self.check_entries()
        self.check_exemptions()

    def check_rows_are_folds(self) -> None:
        """Hold that each payment's row equals the fold of its events, and none lacks either."""
        by_payment: dict[str, list[Row]] = defaultdict(list)
        for row in self.events:
            if row["type"].startswith("payment."):
                by_payment[row["subject_id"]].append(row)
        assert {row["payment_id"] for row in self.payments} == set(by_payment)
        for row in self.payments:
            folded = model.fold(bodies(by_payment[row["payment_id"]]))
            assert model.from_row(row) == folded, row["payment_id"]
            assert _comparable(model.to_row(folded)) == _comparable(row), row["payment_id"]

    def check_tokens(self) -> None:
        """Hold that who was executed spent exactly one token, and nobody else any."""
        spent = Counter(row["payment_id"] for row in self.tokens if row["state"] == "spent")
        sent = {row["payment_id"] for row in self.payments if row["sent_minor"] is not None}
        assert dict(spent) == dict.fromkeys(sent, 1)
        executions = Counter(
            row["subject_id"]
            for row in self.events
            if row["type"] == "payment.executed" and json.loads(row["body"])["decision"] == "go"
        )
        assert executions == spent

    def check_entries(self) -> None:
        """Hold that the log has no gap, that each leaf is its entry's, and nothing lacks one."""
        rows = self.rows(ENTRIES)
        entries = self.entries
        places: dict[str, list[int]] = defaultdict(list)
        numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for entry in entries:
            places[entry["log"]].append(entry["index"])
            numbers[entry["tenant"], entry["merchant"]].append(entry["number"])
        for found in places.values():
            assert found == list(range(len(found)))
        for counted in numbers.values():
            assert counted == list(range(1, len(counted) + 1))
        last = {(r["tenant_id"], r["merchant_id"]): r["number"] for r in self.rows(ENTRY_NUMBERS)}
        assert last == {owner: len(counted) for owner, counted in numbers.items()}
        [writer] = self.rows(WRITER)
        assert writer["entries"] == len(entries)
        assert all(row["leaf"] == leaf_hash(row["body"]) for row in rows)
        written = {entry["sequence"] for entry in entries}
        assert {row["sequence"] for row in self.events} <= written
        of_payments = Counter(e["payment"] for e in entries if e["kind"] == "payment.created")
        assert of_payments == Counter(row["payment_id"] for row in self.payments)

    def check_exemptions(self) -> None:
        """Hold that every counter says what the payments that it counted say together."""
        counts: Counter[tuple[str, ...]] = Counter()
        sums: Counter[tuple[str, ...]] = Counter()
        days: Counter[tuple[str, ...]] = Counter()
        for row in self.payments:
            if row["exemption_state"] != "counted":
                continue
            used = json.loads(row["exemption"])
            owner = (row["tenant_id"], row["merchant_id"], row["mode"])
            for scope, key in used["scopes"].items():
                counts[*owner, scope, key, used["currency"]] += 1
                sums[*owner, scope, key, used["currency"]] += used["amount_minor"]
            for code in used["limit_codes"]:
                day = (used["payer_key"], used["day"], used["currency"], code)
                days[*owner, *day] += used["amount_minor"]
        rows = self.rows(EXEMPTION_COUNTERS)
        names = ("tenant_id", "merchant_id", "mode", "scope", "key", "currency")
        kept = {tuple(row[name] for name in names): row for row in rows}
        assert {key: row["count"] for key, row in kept.items() if row["count"]} == counts
        assert {k: r["amount_minor"] for k, r in kept.items() if r["amount_minor"]} == sums
        names = ("tenant_id", "merchant_id", "mode", "payer_key", "day", "currency", "limit_code")
        kept = {tuple(row[name] for name in names): row for row in self.rows(DAY_SUMS)}
        assert {k: r["amount_minor"] for k, r in kept.items() if r["amount_minor"]} == days

    def check_decisions(self, sealer: Sealer) -> int:
        """Hold that features and decisions, made anew from the log, equal those that were stored.

        Feature state is folded from the first event on, in the order of ingestion; each judgement
        is then made again from its stored inputs and these features.

        Returns:
            How many judgements were made again.
        """
        strategy = load_strategy()
        judged_at = self._judged_at()
        at_sequence: dict[int, list[Row]] = defaultdict(list)
        for row in self.rows(ASSESSMENTS):
            at_sequence[judged_at[row["assessment_id"]]].append(row)
        states: dict[EntityKey, EntityState] = {}
        for sequence, events in itertools.groupby(self.events, key=lambda row: row["sequence"]):
            for row in at_sequence.pop(sequence, []):
                inputs = msgspec.json.decode(row["inputs"], type=Inputs)
                features = _features(inputs.facts, states, row, strategy)
                stored = open_features(
                    row["features"], assessment_id=row["assessment_id"], sealer=sealer
                )
                # An older version knew fewer features; those it knew have the values they had.
                known = {name: features.value(name) for name in stored.names}
                assert known == dict(zip(stored.names, stored.values, strict=True))
                is_ours = stored.feature_set == features.feature_set
                assert not is_ours or features == stored, row["assessment_id"]
                said = msgspec.json.decode(row["judged"], type=Assessment)
                judging = strategy
                if said.strategy != strategy.id:
                    # Versions before this one had no rules, and no score without a model.
                    quiet = msgspec.structs.replace(strategy.cold_start, signals=())
                    judging = msgspec.structs.replace(strategy, rules=(), cold_start=quiet)
                again = judge(
                    inputs.facts, inputs.circumstances, features, judging, inputs.scorer()
                )
                if judging is not strategy:
                    # What proof would lead to came later, too.
                    named = ("strategy", "feature_set", "counterfactuals")
                    ours = {name: getattr(again, name) for name in named}
                    said = msgspec.structs.replace(said, **ours)
                assert again == said, row["assessment_id"]
            for event in events:
                _add(states, event)
        assert not at_sequence
        return len(self.rows(ASSESSMENTS))

    def _judged_at(self) -> dict[str, int]:
        """Return at which sequence each judgement was made, as the events say."""
        found = {}
        for row in self.events:
            body = json.loads(row["body"])
            if row["type"] == "payment.created":
                found[body["judgement"]["assessment_id"]] = row["sequence"]
            elif row["type"] in {"payment.executed", "assessment.made"}:
                found[body["assessment_id"]] = row["sequence"]
        return found

    def folded_states(self) -> dict[EntityKey, bytes]:
        """Return all feature state as the fold of every event from the first on."""
        states: dict[EntityKey, EntityState] = {}
        for event in self.events:
            _add(states, event)
        return {key: state.pack() for key, state in states.items()}


def _features(
    facts: Facts, states: Mapping[EntityKey, EntityState], row: Row, strategy: Strategy
) -> FeatureVector:
    known = {
        (kind, key): states.get(
            EntityKey(row["tenant_id"], row["mode"], kind, key), _CODEC.new(kind)
        )
        for kind, key in entities(facts)
    }
    return vector(facts, known, strategy.features)


def _add(states: dict[EntityKey, EntityState], event: Row) -> None:
    for one in unpack(event["observations"]):
        key = EntityKey(event["tenant_id"], event["mode"], one.kind, one.key)
        state = states.setdefault(key, _CODEC.new(one.kind))
        observe(state, one)


def _comparable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its JSON decoded: keys of equal JSON may stand in another order."""
    given = {column.name: row[column.name] for column in PAYMENTS.c}
    exemption = given["exemption"]
    return {
        **given,
        "facts": json.loads(given["facts"]),
        "exemption": None if exemption is None else json.loads(exemption),
    }
