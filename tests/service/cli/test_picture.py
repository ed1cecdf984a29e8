"""Pictures are well-formed, and bars are as long as their numbers say."""

from xml.etree import ElementTree as ET

from service.cli.picture import SVG, bars


def test_bars_are_as_long_as_their_numbers_and_names_are_escaped():
    tree = ET.fromstring(bars("a < b", ("x & y", "after"), {"one": (10, 5), "two": (0, 20)}))  # noqa: S314  our own

    widths = [float(one.attrib["width"]) for one in tree.iter(f"{{{SVG}}}rect")][-4:]
    assert [width / widths[3] for width in widths] == [0.5, 0.25, 0.0, 1.0]
    texts = [one.text for one in tree.iter(f"{{{SVG}}}text")]
    assert {"a < b", "x & y", "one", "20"} <= set(texts)


def test_nothing_at_all_is_still_a_picture():
    ET.fromstring(bars("none", ("before", "after"), {"approve": (0, 0)}))  # noqa: S314  our own
