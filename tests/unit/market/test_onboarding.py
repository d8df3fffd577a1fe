from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from market import consents, onboarding
from market.errors import ConsentMissing, StaleVersion, StepNotNow
from market.onboarding import Move, Onboarding

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAY = date(2026, 11, 23)
PERSON = {"name": "Lê Thị Hoa", "phone": "+84900000011"}


def at(step: str, version: int = 3) -> Onboarding:
    return Onboarding(
        id=UUID(int=1), stall_id=UUID(int=2), started_by=UUID(int=3), step=step, version=version,
        started_at=NOW, updated_at=NOW, answers={"person": PERSON},
    )  # fmt: skip


def test_the_step_that_is_due_is_applied() -> None:
    assert onboarding.judge(at("consent"), "consent", 3, {"given": ["payments"]}) is Move.APPLY


def test_the_same_answer_sent_twice_changes_nothing_more() -> None:
    assert onboarding.judge(at("consent"), "person", 2, PERSON) is Move.ALREADY


def test_another_answer_to_a_past_step_is_stale() -> None:
    with pytest.raises(StaleVersion) as refused:
        onboarding.judge(at("consent"), "person", 2, {**PERSON, "name": "Lê Thị Huệ"})

    assert (refused.value.version, refused.value.current) == (2, 3)


def test_an_answer_made_while_somebody_else_went_on_is_stale() -> None:
    with pytest.raises(StaleVersion):
        onboarding.judge(at("consent", version=4), "consent", 3, {"given": ["payments"]})


def test_a_step_cannot_be_jumped_over() -> None:
    with pytest.raises(StepNotNow) as refused:
        onboarding.judge(at("consent"), "account", 3, {})

    assert (refused.value.step, refused.value.present) == ("account", "consent")


def test_steps_follow_one_another_to_the_end() -> None:
    walked = ["stall"]
    while walked[-1] != "done":
        walked.append(onboarding.after(walked[-1]))

    assert tuple(walked) == onboarding.STEPS


def test_what_is_not_needed_may_be_refused() -> None:
    consents.check_given(["payments"], DAY)


def test_silence_is_not_consent() -> None:
    with pytest.raises(ConsentMissing) as refused:
        consents.check_given(["invoices", "contact"], DAY)

    assert refused.value.purpose == "payments"


def test_every_purpose_says_in_words_what_is_done() -> None:
    asked = consents.purposes(DAY)

    assert [one.code for one in asked if one.is_required] == ["payments"]
    assert all(len(one.words) > 80 for one in asked)
    assert consents.purposes(date(2020, 1, 1)) == ()
