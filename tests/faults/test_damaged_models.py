"""Hundreds of model files that nobody should load, laid into the store of a running service.

Each is put where an operator's own model would lie, past every check of adding one, and a strategy
that names it is activated: the child that looks at it has to refuse it, whoever signed it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from keys.notes import NotANote, Signer, open_note, sign_note
from risk.feature import load_features
from risk.models.container import unpack
from risk.models.manifest import text_to_sign
from service.db.places import Database, Place
from service.kernel.clock import SystemClock
from service.rooms.models.model import digest, signer
from service.rooms.models.tables import MODEL_PARTS, MODELS
from service.unit_of_work.commands import HOUSE
from tests.faults.test_scorer import ALL, EXPLAINING, noted, running, said_of_ten
from tests.proofs.test_replay import Sized
from tests.support.books import Books
from tests.support.damaged_models import SIGNER, all_damaged
from tests.support.models import file_of, grow
from tests.support.places import owning
from tests.support.scored import a_telling_model, activation, bring, refusal, with_model
from tests.support.servers import Service

FILES = 600
# Of the child that looks, and of what is looked at before it is asked.
WHYS = {"model_refused", "model_unsigned", "model_unreadable", "wrong_features"}
ID = re.compile("sha256:([0-9a-f]{64})")


def a_file() -> bytes:
    """Return a sound file of two heads, of which the damaged ones are made."""
    scam = grow(8, trees=12, depth=6, seed=2, base_score=0.01)
    return file_of(load_features(), 8, unauthorized=grow(8, trees=30, depth=4), scam=scam)


def chosen(file: bytes, every: int) -> Iterator[tuple[bytes, str]]:
    """Yield every so-manieth of the files, over all kinds, each with its note."""
    damaged = [one for files in all_damaged(file).values() for one in files]
    assert len(damaged) >= FILES
    yield from damaged[::every]


def ours(note: str, by: Signer) -> str:
    """Return a note under this service's own signature where it is a good one."""
    try:
        return sign_note(open_note(note, [SIGNER.verifier]), by)
    except NotANote:
        return note


def lay(place: Place, sha256: str, content: bytes, note: str) -> None:
    """Put a file into the store as the model of a name."""
    row = {
        "tenant_id": HOUSE,
        "sha256": sha256,
        "name": "laid",
        "origin": "trained",
        "feature_set": load_features().id,
        "size_bytes": max(1, len(content)),
        "parts": json.dumps([digest(content)]).encode(),
        "manifest": b"{}",
        "note": note,
        "added_by": "cli",
        "added_at": SystemClock().now(),
    }
    part = {"tenant_id": HOUSE, "sha256": digest(content), "content": content}
    with owning(place) as connection:
        connection.execute(sa.delete(MODELS).where(MODELS.c.sha256 == sha256))
        connection.execute(sa.delete(MODEL_PARTS).where(MODEL_PARTS.c.sha256 == digest(content)))
        connection.execute(sa.insert(MODELS), row)
        connection.execute(sa.insert(MODEL_PARTS), part)
        connection.commit()


def test_none_is_loaded_no_process_dies_and_the_last_good_one_goes_on(
    tmp_path: Path, own_database: Database | None, sized: Sized
) -> None:
    good, file = a_telling_model(), a_file()
    accepted: list[int] = []
    count = 0
    with Service(tmp_path / "data", database=own_database) as service:
        shop = service.shop(scopes=EXPLAINING)
        model_id = bring(service, good)
        service.do(activation(service, 2, with_model(good)))
        by = signer(service.secrets.model)
        before = said_of_ten(service, shop, "before")
        front_ends = service.front_end.children()

        for count, (content, note) in enumerate(chosen(file, sized(quick=100, ci=100, full=1)), 1):
            told = ID.search(note)
            sha256 = unpack(file).id.removeprefix("sha256:") if told is None else told[1]
            lay(service.settings.database, sha256, content, ours(note, by))
            whole = with_model(good, sha256=f"sha256:{sha256}")
            if refusal(service, activation(service, 3, whole)) != "strategy_unfit":
                accepted.append(count)
        after = said_of_ten(service, shop, "after")
        books = Books(service.settings.database)

        assert running(service) == ALL
        assert front_ends == service.front_end.children()
        # The same was laid whole, with its own note: what refuses the others is what they are.
        sound = unpack(file).id
        lay(
            service.settings.database,
            sound.removeprefix("sha256:"),
            file,
            sign_note(text_to_sign(sound), by),
        )
        service.do(activation(service, 3, with_model(file)))

    assert accepted == []
    assert before == after
    assert {one[0] for one in after} == {model_id}
    assert len({str(one[1]) for one in after}) > 1
    whys = Counter(
        entry["fields"]["why"]
        for entry in books.entries
        if entry["kind"] == "strategy.activated" and entry["outcome"] == "failure"
    )
    print(count, dict(whys))
    assert set(whys) <= WHYS
    assert whys.total() == count
    assert noted(service.settings.database)[-1] == ("ready", None)
