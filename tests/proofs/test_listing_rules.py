"""A rule lists a device that many payments came from at once: one entry, and then a refusal."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.db.places import Database
from service.rooms.lists.tables import ENTRIES
from tests.support.books import Books
from tests.support.checkout import a_payment
from tests.support.places import rows_of
from tests.support.ruled import listing, whole_of
from tests.support.scored import activation
from tests.support.servers import SCOPES, Service

pytestmark = [pytest.mark.servers]

CLIENTS, EACH = 8, 5


@pytest.mark.long
def test_payments_at_once_fill_a_place_once_and_the_next_is_refused(
    tmp_path: Path, fresh_database: Database | None
) -> None:
    when = 'default(device_id, "") == "d_bad" and amount_minor > 10000'
    whole = whole_of(listing(when, kind="block"))
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop(scopes=(*SCOPES, "lists:read"))
        service.do(activation(service, 2, whole))

        def pay(client_number: int) -> list[str]:
            with service.client(shop) as client:
                bodies = [
                    a_payment(f"n-{client_number}-{number}", device={"device_id": "d_bad"})
                    for number in range(EACH)
                ]
                answers = [client.post("/v1/payments", body) for body in bodies]
            assert {one.status for one in answers} == {201}, answers
            return [one.body["status"] for one in answers]

        with ThreadPoolExecutor(CLIENTS) as pool:
            said = [status for one in pool.map(pay, range(CLIENTS)) for status in one]
        with service.client(shop) as client:
            [shown] = client.get("/v1/lists/entries?entity=device").body["entries"]
            elsewhere = client.post("/v1/payments", a_payment("n", device={"device_id": "d_2"}))
        place = service.settings.database
        books = Books(place)

    # The first that came went through, and what was judged after its commit did not.
    assert said.count("approved") == 1
    assert said.count("declined") == CLIENTS * EACH - 1
    assert elsewhere.body["status"] == "approved"
    assert (shown["value"], shown["kind"], shown["added_by"]) == (
        "d_bad",
        "block",
        whole.strategy.id,
    )
    assert len(rows_of(place, ENTRIES)) == 1
    assert [one["kind"] for one in books.entries].count("list_entry.added") == 1
    books.check()
