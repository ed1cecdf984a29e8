"""The closed tree knows its fields, each once."""

from risk.rules.parser import parse
from risk.rules.tree import fields_of


def test_fields_are_found_at_any_depth_each_once() -> None:
    node = parse(
        'not (a < b + c) or known(d) and default(e, 1) in [1] and -a > 0 and on_list("block", "ip")'
    )

    assert fields_of(node) == ["a", "b", "c", "d", "e", "block_list:ip"]
