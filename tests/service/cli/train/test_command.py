"""`payguard train`: a model from honest data, and a clear no to all other."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from risk.feature import load_features
from risk.models.model import read_model
from risk.offline.making import Named, learn
from risk.strategy import load_strategy
from service.cli.screen import Failure
from service.cli.train.asking import asked_of
from service.cli.train.command import file_of
from service.cli.train.reading import read
from tests.support.labelled import payments, written
from tests.support.terminal import Terminal

pytestmark = pytest.mark.long

ROWS = payments(3_000, seed=7)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("trained")
    file = written(folder / "history.csv", ROWS)
    said = Terminal(folder / "home").json("train", file, "--out", folder / "out", "--name", "first")
    return folder / "out", said


def test_a_model_is_written_that_this_software_can_read(trained: tuple[Path, dict]) -> None:
    out, said = trained

    model = read_model((out / "model.pgmodel").read_bytes(), load_features())

    assert model.id == said["model"]
    assert model.manifest.origin == "trained"
    assert model.manifest.head_names == ("unauthorized",)
    assert "amount_minor" in model.manifest.inputs
    assert said["heads"]["unauthorized"]["validated"]["auc"] > 0.8
    assert said["heads"]["unauthorized"]["frauds"] == said["heads"]["unauthorized"]["frauds"] > 80


def test_nothing_is_learnt_from_decisions_that_the_file_does_not_tell(
    trained: tuple[Path, dict],
) -> None:
    _, said = trained

    assert [one for one in said["inputs"] if "declined" in one] == []
    assert len(said["inputs"]) > 20


def test_the_card_says_what_the_model_is_made_of_and_what_it_cannot_say(
    trained: tuple[Path, dict],
) -> None:
    out, said = trained

    card = (out / "card.md").read_text()

    for text in (
        said["model"],
        said["data_sha256"],
        "Head `unauthorized`",
        "calibration slope",
        "payer_amount_to_normal",
        "`scam`: 0 labels carry no head",
        "训练数据",
    ):
        assert text in card


def test_the_same_data_make_the_same_trees(trained: tuple[Path, dict], tmp_path: Path) -> None:
    out, _ = trained
    file = written(tmp_path / "again.csv", ROWS)

    Terminal(tmp_path / "home").json("train", file, "--out", tmp_path / "out", "--name", "second")

    first, second = (
        read_model((folder / "model.pgmodel").read_bytes(), load_features()).manifest
        for folder in (out, tmp_path / "out")
    )
    assert first.heads == second.heads
    assert first.trained == second.trained


def refused(tmp_path: Path, rows: list[dict[str, str]], *more: object) -> dict[str, str]:
    file = written(tmp_path / "history.csv", rows)
    result = Terminal(tmp_path / "home")("train", file, "--out", tmp_path / "out", *more, "--json")
    assert result.exit_code != 0
    assert not (tmp_path / "out").exists()
    return json.loads(result.stdout)["error"]


def test_shuffled_labels_are_refused(tmp_path: Path) -> None:
    labels = np.random.default_rng(3).permutation([row["TX_FRAUD"] for row in ROWS])
    rows = [row | {"TX_FRAUD": str(label)} for row, label in zip(ROWS, labels, strict=True)]

    found = refused(tmp_path, rows)

    assert found["code"] == "labels_shuffled"
    assert "chance" in found["detail"]


def test_a_model_of_made_up_payments_says_so_whatever_its_map_is_called(tmp_path: Path) -> None:
    file = written(tmp_path / "history.csv", ROWS)
    copy = tmp_path / "mine.toml"
    copy.write_text('origin = "simulated"\n' + MAP % "CUSTOMER_ID")

    said = Terminal(tmp_path / "home").json(
        "train", file, "--map", copy, "--out", tmp_path / "out", "--name", "made up"
    )

    assert said["origin"] == "simulated"


MAP = """
[payment]
reference = "r-{TRANSACTION_ID}"
kind = "purchase"
occurred_at = "{TX_DATETIME}"
payer.payer_id = "{CUSTOMER_ID}"
payee.payee_id = "{TERMINAL_ID}"
amount.value = "{TX_AMOUNT}"
amount.currency = "CNY"
channel = "{%s}"

[label]
source = "handbook"
external_id = "{TRANSACTION_ID}"
intent = "{TX_FRAUD}"
intents = { "1" = "unauthorized" }
known_after_s = 604800
"""


@pytest.mark.parametrize("column", ["TX_FRAUD_SCENARIO", "TX_FRAUD", "chargeback_at", "isFraud"])
def test_a_map_that_makes_facts_of_outcomes_is_refused(tmp_path: Path, column: str) -> None:
    rows = [{column: "0", **row} for row in ROWS[:50]]
    file = tmp_path / "map.toml"
    file.write_text(MAP % column)

    found = refused(tmp_path, rows, "--map", file)

    assert found["code"] == "outcome_column"
    assert column in found["detail"]


def test_an_input_that_tells_all_fraud_is_refused(tmp_path: Path) -> None:
    rows = [
        row | {"TX_AMOUNT": f"{900 if row['TX_FRAUD'] == '1' else 9}.{number % 100:02}"}
        for number, row in enumerate(ROWS)
    ]

    found = refused(tmp_path, rows)

    assert found["code"] == "outcome_input"
    assert "amount_minor" in found["detail"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--at", "2018-04-20"), "future_rows"),
        (("--to", "2018-05-01", "--at", "2018-05-02"), "future_labels"),
        (("--to", "2018-06-01", "--at", "2018-05-20"), "future_window"),
        (("--from", "2018-07-01", "--to", "2018-07-08"), "no_payments"),
        (("--from", "2018-04-01", "--to", "2018-04-02"), "too_few_frauds"),
        (("--preset", "XX"), "preset_unknown"),
    ],
)
def test_what_was_not_known_or_is_not_there_is_refused(
    tmp_path: Path, more: tuple[str, ...], code: str
) -> None:
    found = refused(tmp_path, ROWS, *more)

    assert found["code"] == code


@pytest.mark.parametrize("name", ["", 141 * "x", "\udcff"])
def test_a_name_that_no_model_has_is_refused_before_anything_is_read(
    tmp_path: Path, name: str
) -> None:
    asked = ("train", tmp_path / "none.csv", "--out", tmp_path / "out", "--name", name)

    found = Terminal(tmp_path / "home").json(*asked)

    assert found["error"]["code"] == "name_invalid"


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"

    found = Terminal(tmp_path / "home").json("train", tmp_path / "none.csv", "--out", out)

    assert found["error"]["code"] == "folder_unusable"


def test_what_was_learnt_and_is_no_model_is_told(tmp_path: Path) -> None:
    strategy = load_strategy()
    found = read(written(tmp_path / "history.csv", ROWS), "handbook", preset="CN")
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    given = {"since": None, "until": None, "at": None}
    asked = asked_of(found.history, found.outcomes, strategy, given, at)
    learnt = learn(found.history, found.outcomes, strategy, asked)

    with pytest.raises(Failure, match="makes no model") as failed:
        file_of(learnt, Named(141 * "x", "trained", at), strategy)

    assert failed.value.code == "model_unfit"


def test_a_label_delay_replaces_the_maps(tmp_path: Path) -> None:
    file = written(tmp_path / "history.csv", ROWS)
    asked = ("--to", "2018-04-30", "--at", "2018-05-01T12:00:00", "--label-delay", 1)

    said = Terminal(tmp_path / "home").json("train", file, "--out", tmp_path / "out", *asked)

    assert said["until"] == "2018-04-30T00:00:00Z"


def test_people_read_a_table(tmp_path: Path) -> None:
    file = written(tmp_path / "history.csv", ROWS)

    said = Terminal(tmp_path / "home")("train", file, "--out", tmp_path / "out")

    for text in ("unauthorized", "model.pgmodel", "no head for: scam (0 labels)", "model add"):
        assert text in said.stdout
    assert "validation" in said.stderr
