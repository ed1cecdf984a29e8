"""Lines go where their axes say, and pictures are well-formed."""

from xml.etree import ElementTree as ET

from service.cli.chart import Line, linear, lines, logarithmic
from service.cli.picture import SVG


def test_points_stand_where_the_axes_place_them():
    tree = ET.fromstring(  # noqa: S314  our own
        lines(
            "a < b",
            linear("x", 0.0, 10.0),
            logarithmic("y", 0.01, 100.0),
            {"one": Line([(0.0, 0.01), (5.0, 1.0), (10.0, 100.0)])},
        )
    )

    [line] = tree.iter(f"{{{SVG}}}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    (left, bottom), (middle, half), (right, top) = points
    assert middle == (left + right) / 2
    assert half == (bottom + top) / 2
    assert left < right
    assert top < bottom
    texts = [one.text for one in tree.iter(f"{{{SVG}}}text")]
    assert {"a < b", "one", "0.01", "100", "0", "10", "x", "y"} <= set(texts)


def test_dots_are_not_joined_and_what_lies_outside_is_cut():
    axes = (linear("x", 0.0, 1.0), linear("y", 0.0, 1.0))
    tree = ET.fromstring(lines("t", *axes, {"far": Line([(2.0, -1.0)], is_joined=False)}))  # noqa: S314  our own

    [dot] = tree.iter(f"{{{SVG}}}circle")
    inside = ET.fromstring(lines("t", *axes, {"in": Line([(1.0, 0.0)], is_joined=False)}))  # noqa: S314  our own
    [corner] = inside.iter(f"{{{SVG}}}circle")
    assert dot.attrib == corner.attrib
    assert not list(tree.iter(f"{{{SVG}}}polyline"))
