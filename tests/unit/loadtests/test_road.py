"""What a run of the road answers: how many a second, and how soon a till hears."""

from loadtests.road import answers


def run(rate, done, heard_ms):
    return {"rate_asked": rate, "roads_per_second": done, "notice_to_till_p99_ms": heard_ms}


def test_the_greatest_rate_that_tills_hear_in_time_counts_and_300_is_where_it_is_looked_at():
    measured = [
        run(300.0, 294, 290), run(400.0, 390, 610), run(300.0, 292, 350), run(400.0, 388, 500),
        run(300.0, 296, 270), run(400.0, 391, 580), run(520.0, 510, 900),
    ]  # fmt: skip

    carried, heard = answers(measured, "2026-11-23", "abc")

    assert (carried["ratio"], carried["spread"], carried["reached"]) == (390, [388, 391], True)
    assert (heard["ratio"], heard["spread"], heard["reached"]) == (290, [270, 350], True)


def test_a_market_that_is_too_slow_is_told_so():
    (heard,) = answers([run(300.0, 150, 4_000)], "2026-11-23", "abc")

    assert (heard["id"], heard["reached"]) == ("R2", False)
