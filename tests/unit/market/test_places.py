from uuid import UUID

from market import places


def test_a_stall_code_is_read_as_painted() -> None:
    assert places.stall_code("  a 12 ") == "A12"


def test_a_hall_keeps_its_colour() -> None:
    hall_id = UUID(int=0x1234567890)

    assert places.hall_colour(hall_id) == places.hall_colour(hall_id)
    assert places.hall_colour(hall_id) in places.HALL_COLOURS
