from xml.etree import ElementTree as ET

from bench.plot import latencies

LINE = "{http://www.w3.org/2000/svg}polyline"


def points(text):
    [line] = ET.fromstring(text).iter(LINE)  # noqa: S314  our own text
    return [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]


def test_slower_answers_stand_higher_and_further_right():
    found = points(latencies("some", {"one": [1.0] * 90 + [10.0] * 9 + [100.0]}))

    assert found == sorted(found)
    heights = [y for _, y in found]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3


def test_what_has_no_answers_is_left_out_and_names_are_escaped():
    tree = ET.fromstring(latencies("a < b", {"none & nothing": [], "one & two": [2.0]}))  # noqa: S314  our own

    assert len(list(tree.iter(LINE))) == 1
    texts = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in texts
    assert "one & two" in texts
