"""`payguard evaluate`: a protocol in, every figure out; its status says whether goals are met."""

import datetime as dt
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.labelled import payments, written
from tests.support.terminal import Terminal

PROTOCOL = """
name = "made_up"
title.en = "Made up"
title.zh = "虚构数据"
file = "history.csv"
map = "handbook"
test_from = [2018-05-01, 2018-05-08]
train_days = 20
label_delay_days = 7
test_days = 7
known_after_days = 7
known_since_days = 7
cards_a_day = 5
recipe = {{ depth = 3, trees = 30, rate_milli = 100 }}

[goals]
average_precision = {goal}
brier = 0.5

[[published]]
name = "somebody else"
average_precision = 0.5
"""


EASY = PROTOCOL.format(goal=0.3)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    written(folder / "history.csv", payments(6_000, seed=9, days=60))
    (folder / "easy.toml").write_text(EASY)
    (folder / "hard.toml").write_text(PROTOCOL.format(goal=0.999))
    return folder


@pytest.fixture(scope="session")
def found(folder: Path) -> dict:
    terminal = Terminal(folder / "home")
    page = ("--html", folder / "page.html")
    return terminal.json("evaluate", folder / "easy.toml", "--data", folder, *page)


def test_each_fold_and_the_means_are_measured(found: dict) -> None:
    assert [one["test_from"] for one in found["folds"]] == ["2018-05-01", "2018-05-08"]
    means = [one["measures"]["average_precision"]["value"] for one in found["folds"]]
    assert found["means"]["average_precision"]["value"] == pytest.approx(sum(means) / 2)
    for interval in found["means"].values():
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert found["means"]["auc"]["value"] > 0.75
    assert found["calibration"]["ece"] < 0.1
    assert found["calibration"]["brier"] < found["calibration"]["brier_constant"]
    assert set(found["cold_start"]) == set(found["means"])
    assert [one["scale_milli"] for one in found["costs"]] == [1_000, 500, 2_000]
    assert found["published"][0]["average_precision"] == 0.5


def test_known_payers_are_not_tried(found: dict) -> None:
    # Forty payers with a hundred payments a day: most are known as defrauded after a week.
    assert all(one["rows"] < 700 for one in found["folds"])


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [name for name, _ in attrs if name in {"src", "href"}]


def test_the_page_needs_no_other_file_and_its_pictures_are_sound(found: dict, folder: Path) -> None:
    page = (folder / "page.html").read_text()

    parsed = _Pictures()
    parsed.feed(page)
    assert parsed.asked == []
    pictures = [part.split("</svg>")[0] + "</svg>" for part in page.split("<figure>")[1:]]
    # Precision and recall, reliability; cost and scores of each fold.
    assert len(pictures) == 6
    for one in pictures:
        drawn = ET.fromstring(one).iter()  # noqa: S314  our own
        assert any(len(part.get("points", part.get("d", ""))) > 20 for part in drawn)
    for word in ("召回率", "Reliability", "Cost of the week"):
        assert word in page
    assert found["data_sha256"] in page


@pytest.mark.long
def test_a_missed_goal_is_said_and_ends_with_status_1(folder: Path) -> None:
    result = Terminal(folder / "home")("evaluate", folder / "hard.toml", "--data", folder)

    assert result.exit_code == 1
    for text in ("MISSED", "published: somebody else", "least expected cost", "fold 2 of 2"):
        assert text in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("name = 1", "protocol_invalid"),
        (EASY.replace("2018-05-08", "2018-09-08"), "folds_beyond_file"),
        (EASY.replace("2018-05-01", "2018-04-24"), "folds_beyond_file"),
        (EASY.replace("2018-05-08", "2018-05-07"), "folds_overlap"),
        (EASY.replace("train_days = 20", "train_days = 1"), "fold_carries_no_model"),
        (EASY.replace("[goals]", "[goals]\naverage = 0.3"), "protocol_invalid"),
        (EASY.replace("train_days", 'preset = "XX"\ntrain_days'), "preset_unknown"),
        (EASY.replace("history.csv", "nowhere.csv"), "file_unreadable"),
        (EASY + "more = 1", "protocol_invalid"),
        (EASY.encode("gbk"), "protocol_invalid"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    folder: Path, tmp_path: Path, content: str | bytes, code: str
) -> None:
    file = tmp_path / "protocol.toml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)

    result = Terminal(tmp_path / "home")("evaluate", file, "--data", folder, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code
    assert "fold 2" not in result.stderr


def test_a_page_that_cannot_be_written_is_told_before_anything_is_measured(folder: Path) -> None:
    page = ("--html", folder / "missing" / "page.html")

    result = Terminal(folder / "home")("evaluate", folder / "easy.toml", "--data", folder, *page)

    assert result.exit_code == 2
    assert "page.html cannot be written" in result.stderr
    assert "reading" not in result.stderr


@pytest.mark.long
def test_what_was_measured_is_shown_even_where_its_page_is_lost(folder: Path) -> None:
    # Always full.
    page = ("--html", "/dev/full")

    result = Terminal(folder / "home")("evaluate", folder / "easy.toml", "--data", folder, *page)

    assert result.exit_code == 1
    assert "published: somebody else" in result.stdout
    assert "/dev/full cannot be written" in result.stderr


MAP = """
[payment]
reference = "r-{TRANSACTION_ID}"
kind = "purchase"
occurred_at = "{TX_DATETIME}"
payer.payer_id = "{CUSTOMER_ID}"
payee.payee_id = "{TERMINAL_ID}"
amount.value = "{TX_AMOUNT}"
amount.currency = "{CURRENCY}"

[label]
source = "handbook"
external_id = "{TRANSACTION_ID}"
intent = "{TX_FRAUD}"
intents = { "1" = "unauthorized" }
known_at = "{KNOWN_AT}"
"""
QUICK = EASY.replace("trees = 30", "trees = 5").replace('"handbook"', '"map.toml"')


def tried(folder: Path, column_map: str = MAP, *, days: float = 3, **more: str) -> dict:
    """Return what is said of a small file, by a map and labels known so long after payments."""
    rows = []
    for row in payments(6_000, seed=9, days=60):
        known = dt.datetime.fromisoformat(row["TX_DATETIME"]) + dt.timedelta(days=days)
        is_new = row["TX_DATETIME"] >= "2018-05-10" and int(row["TRANSACTION_ID"]) % 2 == 0
        currency = more.get("currency", "CNY") if is_new else "CNY"
        amount = "900.00" if row["TX_FRAUD"] == "1" else "9.00"
        changed = {"TX_AMOUNT": amount} if "telling" in more else {}
        told = {"KNOWN_AT": known.isoformat(), "CURRENCY": currency}
        rows.append(row | changed | told)
    written(folder / "history.csv", rows)
    (folder / "map.toml").write_text(column_map)
    (folder / "protocol.toml").write_text(QUICK.replace("map.toml", str(folder / "map.toml")))
    return Terminal(folder / "home").json(
        "evaluate", folder / "protocol.toml", "--data", folder, "--html", folder / "page.html"
    )


def test_what_training_refuses_is_refused(tmp_path: Path) -> None:
    outcome = MAP.replace('amount.value = "{TX_AMOUNT}"', 'amount.value = "{TX_FRAUD}"')

    assert tried(tmp_path, outcome)["error"]["code"] == "outcome_column"
    assert tried(tmp_path, days=-1)["error"]["code"] == "label_before_payment"
    assert tried(tmp_path, telling="yes")["error"]["code"] == "outcome_input"


def test_labels_are_known_no_sooner_than_the_file_says(tmp_path: Path) -> None:
    late = tried(tmp_path, days=12)

    assert late["error"]["code"] == "labels_to_come"
    assert "12.0 days" in late["error"]["detail"]
    assert "label_delay_days of 12" in late["error"]["next"]


def test_a_fold_with_a_second_currency_leaves_all_without_costs(tmp_path: Path) -> None:
    found = tried(tmp_path, currency="EUR")

    assert found["costs"] == []
    assert [one["costs"] for one in found["folds"]] == [[], []]
    assert "more than one currency" in found["no_costs"]
    assert "more than one currency" in (tmp_path / "page.html").read_text()


@pytest.mark.long
def test_a_scam_is_not_priced_as_if_somebody_else_had_paid(tmp_path: Path) -> None:
    scam = MAP.replace('"1" = "unauthorized"', '"1" = "scam"')

    found = tried(tmp_path, scam)

    assert found["costs"] == []
    assert "labels say scam besides" in found["no_costs"]
    assert [one["measure"] for one in found["goals"]] == ["average_precision", "brier"]


def test_a_goal_of_brier_is_a_greatest_value(found: dict) -> None:
    [brier] = [one for one in found["goals"] if one["measure"] == "brier"]

    assert brier["found"] < brier["goal"] == 0.5
    assert brier["is_met"]


def test_the_column_of_cards_says_how_many_a_day(found: dict, folder: Path) -> None:
    page = (folder / "page.html").read_text()

    assert found["cards_a_day"] == 5
    assert "CP@5" in page
    assert "CP@100" not in page
    assert "{cards}" not in page


def test_a_protocol_that_is_not_there(tmp_path: Path) -> None:
    found = Terminal(tmp_path / "home").json("evaluate", "nowhere.toml")

    assert found["error"]["code"] == "protocol_unreadable"
    assert "handbook" in found["error"]["next"]
