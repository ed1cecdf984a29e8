"""`payguard evaluate`: a protocol in, every figure out; its status says whether goals are met."""

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

[[published]]
name = "somebody else"
average_precision = 0.5
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    written(folder / "history.csv", payments(6_000, seed=9, days=60))
    (folder / "easy.toml").write_text(PROTOCOL.format(goal=0.3))
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
        ET.fromstring(one)  # noqa: S314  our own
    assert "召回率" in page
    assert found["data_sha256"] in page


def test_a_missed_goal_is_said_and_ends_with_status_1(folder: Path) -> None:
    result = Terminal(folder / "home")("evaluate", folder / "hard.toml", "--data", folder)

    assert result.exit_code == 1
    for text in ("MISSED", "published: somebody else", "least expected cost", "fold 2 of 2"):
        assert text in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("name = 1", "protocol_invalid"),
        (PROTOCOL.format(goal=0.3).replace("2018-05-08", "2018-09-08"), "fold_carries_no_model"),
        (PROTOCOL.format(goal=0.3).replace("history.csv", "nowhere.csv"), "file_unreadable"),
        (PROTOCOL.format(goal=0.3) + "more = 1", "protocol_invalid"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    folder: Path, tmp_path: Path, content: str, code: str
) -> None:
    file = tmp_path / "protocol.toml"
    file.write_text(content)

    result = Terminal(tmp_path / "home")("evaluate", file, "--data", folder, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code


def test_a_protocol_that_is_not_there(tmp_path: Path) -> None:
    found = Terminal(tmp_path / "home").json("evaluate", "nowhere.toml")

    assert found["error"]["code"] == "protocol_unreadable"
    assert "handbook" in found["error"]["next"]
