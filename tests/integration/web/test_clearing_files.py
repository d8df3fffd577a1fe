"""Refused files of an acquirer's inbox on the clerk's page: why, tried again, laid aside."""

import pytest

PAGE, ACT = "/doi-soat/phien", "/doi-soat/tep"
HTML = {"accept": "text/html"}


@pytest.fixture
def inbox(settings):
    folder = settings.data / "settlement" / "vnpay" / "inbox"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
async def refused(inbox, work):
    """A file that was cut off lies refused."""
    (inbox / "2026-11-21.csv").write_bytes(b"seq;amount\n1;2\n")
    await work("load_settlement_files")
    assert list(inbox.iterdir()) == []
    return inbox.parent / "refused"


def act(what, name="2026-11-21.csv", acquirer="vnpay"):
    return {"acquirer": acquirer, "name": name, "what": what}


async def test_the_clerk_sees_which_file_was_refused_and_why(as_, refused):
    page = await as_("clerk").get(PAGE, headers=HTML)

    assert "Tệp không nhận được" in page.text
    assert "2026-11-21.csv" in page.text
    assert "Dòng đầu thiếu hoặc sai tên cột" in page.text


async def test_a_file_is_tried_again_and_refused_again_while_it_is_wrong(
    as_, refused, inbox, work_off
):
    answer = await as_("clerk").post(ACT, data=act("thu-lai"))
    between = await as_("clerk").get(PAGE, headers=HTML)
    ran = await work_off("load_settlement_files")

    after = await as_("clerk").get(PAGE, headers=HTML)
    assert (answer.status_code, ran) == (303, 1)
    assert "2026-11-21.csv" not in between.text
    assert "2026-11-21.csv" in after.text


async def test_a_file_that_came_anew_is_not_put_aside_by_the_old_one(as_, refused, inbox):
    (inbox / "2026-11-21.csv").write_bytes(b"the right one")

    await as_("clerk").post(ACT, data=act("thu-lai"))

    assert (inbox / "2026-11-21.csv").read_bytes() == b"the right one"
    assert (inbox.parent / "aside" / "2026-11-21.csv").exists()


async def test_a_file_that_is_laid_aside_is_kept_and_shown_no_longer(as_, refused):
    await as_("clerk").post(ACT, data=act("cat"))

    page = await as_("clerk").get(PAGE, headers=HTML)
    assert "2026-11-21.csv" not in page.text
    assert [one.name for one in (refused.parent / "aside").iterdir()] == ["2026-11-21.csv"]
    assert list(refused.iterdir()) == []


@pytest.mark.parametrize(
    "form",
    [
        act("thu-lai", name="../done/2026-11-20.csv"),
        act("cat", name="no.csv"),
        act("cat", acquirer="../.."),
        act("xoa"),
    ],
)
async def test_no_other_file_can_be_named(as_, refused, form):
    answer = await as_("clerk").post(ACT, data=form)

    assert answer.status_code == 404
    assert (refused / "2026-11-21.csv").exists()


async def test_only_the_clerk_acts_on_files(as_, refused):
    answer = await as_("vendor").post(ACT, data=act("cat"))

    assert answer.status_code == 403
