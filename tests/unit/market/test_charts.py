import re
from xml.etree import ElementTree

from market import charts
from market.charts import Bar, Dot, Step


def parsed(svg):
    return ElementTree.fromstring(svg)  # noqa: S314 - our own text


def test_columns_are_as_high_as_their_share_of_the_axis():
    svg = charts.bars(
        [Bar("1/11", 40), Bar("2/11", 20, 20)], name="days", title="Ngày", description="Theo ngày"
    )

    heights = [float(one.get("height")) for one in parsed(svg).iter("rect")]

    assert heights == [200.0, 100.0, 100.0]


def test_every_picture_is_named_and_described():
    for svg in (
        charts.bars([], name="a", title="T", description="D"),
        charts.funnel([Step("x", 3)], name="b", title="T", description="D"),
        charts.dot_map([], name="c", title="T", description="D"),
    ):
        root = parsed(svg)

        assert root.get("role") == "img"
        assert [one.text for one in root][:2] == ["T", "D"]
        assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"


def test_no_picture_needs_style_or_script():
    svg = charts.dot_map(
        [Dot("Chợ", 19.8, 105.78, 20, 0.5)], name="map", title="T", description="D"
    )

    assert not re.search(r"style=|<script|\bon\w+=", svg)


def test_labels_cannot_break_out_of_the_picture():
    svg = charts.funnel([Step("<script>&", 1)], name="f", title='"><b>', description="<i>")

    assert "<script" not in svg
    assert parsed(svg)[0].text == '"><b>'


def test_dots_keep_their_directions_and_do_not_cover_each_other():
    dots = [
        Dot("Bắc", 19.82, 105.78, 10),
        Dot("Nam", 19.77, 105.78, 10),
        Dot("Cùng chỗ", 19.82, 105.78, 10),
    ]

    circles = list(
        parsed(charts.dot_map(dots, name="m", title="T", description="D")).iter("circle")
    )
    points = [(float(c.get("cx")), float(c.get("cy")), float(c.get("r"))) for c in circles]

    assert points[0][1] < points[1][1]
    assert abs(points[0][1] - points[2][1]) >= points[0][2] + points[2][2]


def test_the_longest_step_of_a_funnel_is_the_whole_width():
    svg = charts.funnel([Step("a", 50), Step("b", 25)], name="f", title="T", description="D")

    widths = [float(one.get("width")) for one in parsed(svg).iter("rect")]

    assert widths == [360.0, 360.0, 360.0, 180.0]
