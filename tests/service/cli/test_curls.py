import json
import shlex
import subprocess

import pytest

from service.cli.curls import Line, Shop, configuration, lines, payment, text

KITES = Shop(name="kites", preset="judge_only", key="pgk_a", file="/data/kites")
BOOKS = Shop(name="books", preset="CN", key="pgk_b", file="/data/books")
AT = "2026-11-24T08:00:00Z"


def all_lines() -> list[Line]:
    return list(lines("http://127.0.0.1:8080", KITES, BOOKS, at=AT, payment_id="pay_1"))


def test_no_line_shows_a_key() -> None:
    assert not [one for one in all_lines() if "pgk_" in one.line]


@pytest.mark.parametrize("one", all_lines(), ids=lambda one: f"{one.group}: {one.title}")
def test_every_line_is_one_line_of_valid_shell(one: Line) -> None:
    subprocess.run(["bash", "-n", "-c", one.line], check=True)

    assert "\n" not in one.line


def test_a_line_s_body_is_the_payment() -> None:
    words = shlex.split(all_lines()[0].line)

    body = json.loads(words[words.index("-d") + 1])
    assert body == payment(minor=38_000, payee="kites", at=AT)


def test_a_quote_in_a_value_does_not_end_the_shell_s_quotes() -> None:
    written = text({"name": "Lin's"})

    assert "'" not in written
    assert json.loads(written) == {"name": "Lin's"}


def test_the_doubled_payment_has_the_first_one_s_key_and_body() -> None:
    first, _, again, *_ = all_lines()

    assert again.line == first.line.replace("curl", "curl -i", 1)


def test_a_configuration_carries_the_key() -> None:
    assert 'header = "Authorization: Bearer pgk_a"\n' in configuration("pgk_a")
