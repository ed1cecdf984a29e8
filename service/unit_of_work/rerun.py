"""A faulted command run again, dry, to see why it failed. Reads only; commits nothing, ever."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from typing_extensions import override

from keys.sealing import Sealer
from service.db.reader import Reader
from service.db.statements import Bound, Row
from service.db.store import NotReadable, StoreUnavailable, Transaction
from service.state.cache import EntityCache, Overlay, StateCodec, entity_row
from service.state.rebuild import rebuild
from service.unit_of_work import faults, schemas
from service.unit_of_work.batch import Assembly, Done, NotWritable, Ticket
from service.unit_of_work.entries import NUMBER_OF
from service.unit_of_work.events import observations_after
from service.unit_of_work.fence import WRITER_ROW, Base, Fence
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.outcome import Outcome
from service.unit_of_work.perform import Prepared, perform, prepare

STATE_BYTES_MAX: Final = 1 << 28


def rerun(
    row: Row, *, handlers: Handlers, reader: Reader, sealer: Sealer, codec: StateCodec
) -> Outcome | str:
    """Run a faulted command again with its own time and entropy, on the rows as they are now.

    Its keys, reads, handler, reply, entries and statements are made as the writer made them, and
    the statements' values are tried against them; none is run. So a guard that failed shows
    only in the recorded cause: the outcome then names the statements that were to run.

    Args:
        row: The row of `faulted_commands`.
        handlers: All rooms' handlers.
        reader: A read-only connection.
        sealer: Opens the command.
        codec: Makes feature state.

    Returns:
        What the handler returned, or the exception's type and places, or the statement whose
        values did not fit.

    Raises:
        keys.sealing.NotOpened: The key is another one, or the row was changed.
        UnknownSchema: A newer version of the software sealed it.
        StoreUnavailable: The store could not be read.
    """
    sealed = faults.unseal(row, sealer=sealer)
    if sealed.schema != schemas.COMMAND:
        raise schemas.UnknownSchema(f"command of schema {sealed.schema}")
    try:
        handler = handlers.named(sealed.name)
        command = msgspec.msgpack.decode(sealed.command, type=handler.command)
        handler.keys(command, sealed.call)
        ticket = Ticket(command=command, call=sealed.call, deadline_ns=0, seed=sealed.seed)
        prepared = prepare(handlers, ticket)
        return prepared.cause or _perform(prepared, reader=reader, codec=codec, now=sealed.now)
    except StoreUnavailable:
        raise
    except NotReadable as error:
        return str(error)
    except NotWritable as error:
        return faults.cause_of(error.cause)
    except Exception as error:  # noqa: BLE001  a fault is whatever nobody expected
        return faults.cause_of(error)


def _perform(prepared: Prepared, *, reader: Reader, codec: StateCodec, now: dt.datetime) -> Outcome:
    rows = {read: reader.fetch(read) for read in prepared.reads}
    [writer] = reader.fetch(WRITER_ROW(shard=0))
    cache = EntityCache(codec, bytes_max=STATE_BYTES_MAX)
    if prepared.entities:
        rebuild(
            reader.fetch,
            cache,
            folded=writer["folded"],
            events_after=lambda after: observations_after(reader.fetch, after),
            write_back=lambda: False,
        )
        for key in cache.missing(prepared.entities):
            cache.load(key, reader.fetch(entity_row(key)))
    outcome = perform(prepared, rows=rows, overlay=Overlay(cache), fetch=reader.fetch, now=now)
    transaction = _NoTransaction(reader)
    assembly = Assembly(_NoFence(writer), transaction, log=str(writer["shard"]))
    done = Done(place=0, ticket=prepared.ticket, outcome=outcome)
    transaction.run(assembly.steps([done], folded=0, now=now).bounds[1:])
    return outcome


class _NoTransaction(Transaction):
    """Tries statements' values; runs none, and has nothing to commit."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @override
    def fetch(self, read: Bound) -> list[Row]:
        return self._reader.fetch(read)

    @override
    def run(self, steps: Sequence[Bound]) -> None:
        for step in steps:
            self._reader.try_values(step)

    @override
    def commit(self) -> None:
        raise NotImplementedError("a dry run commits nothing")

    @override
    def rollback(self) -> None:
        pass


class _NoFence(Fence):
    """The numbers that the next commit would have; passes nothing."""

    def __init__(self, row: Row) -> None:
        self.shard = row["shard"]
        self._base = Base(sequence=row["sequence"], entries=row["entries"])

    @override
    def base(self, transaction: Transaction) -> Base:
        return self._base

    @override
    def number(self, transaction: Transaction, tenant_id: str, merchant_id: str) -> int:
        rows = transaction.fetch(NUMBER_OF(tenant_id=tenant_id, merchant_id=merchant_id))
        return rows[0]["number"] if rows else 0

    @override
    def step(self, *, commands: int, written: int, folded: int, now: dt.datetime) -> Bound:
        return WRITER_ROW(shard=self.shard)

    @override
    def committed(
        self, *, commands: int, written: int, numbers: Mapping[tuple[str, str], int]
    ) -> None:
        raise NotImplementedError("a dry run commits nothing")
