import re
from typing import Any

import pytest

from service.http.problems import LANGUAGES, Texts, door_problems
from service.http.routes import Answer, op
from service.kernel.errors import (
    Problem,
    Refusal,
)

GOOD = {"text": "hello"}
LIMIT = 65_536


def test_every_problem_of_the_door_has_texts_in_both_languages() -> None:
    texts = Texts.load()

    assert texts.missing(door_problems()) == []
    for problem in door_problems():
        bodies = [
            texts.body(Refusal(problem), language=language, request_id="req_1")
            for language in LANGUAGES
        ]
        english, chinese = bodies
        assert english["title"].isascii()
        assert english["detail"].isascii()
        assert re.search(r"[\u4e00-\u9fff]", chinese["title"])
        assert re.search(r"[\u4e00-\u9fff]", chinese["detail"])


def test_a_route_whose_refusals_have_no_texts_is_not_mounted(build: Any) -> None:
    route = op(
        "get",
        "/odd",
        name="odd",
        summary="Odd.",
        gives=(200, None),
        refuses=(Problem("never_heard_of", 409),),
        writes=False,
        run=lambda _, __: Answer(),
    )

    with pytest.raises(ValueError, match="never_heard_of"):
        build([route])
