"""Laws of fees over any contract and any amounts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.clearing.fees import FeeSchedule, fee_of, share_vnd

AMOUNTS = st.integers(1, 10**12)


@st.composite
def schedules(draw: st.DrawFn) -> FeeSchedule:
    least = draw(st.integers(0, 50_000))
    return FeeSchedule(
        acquirer="a",
        channel="c",
        bank_codes=("*",),
        basis_points=draw(st.integers(0, 1_000)),
        fixed_vnd=draw(st.integers(0, 10_000)),
        min_vnd=least,
        max_vnd=draw(st.one_of(st.just(0), st.integers(least, 10**7).filter(bool))),
        vat_basis_points=draw(st.sampled_from([0, 500, 800, 1_000])),
        refund=draw(st.sampled_from(["kept", "returned"])),
    )


@settings(max_examples=60)
@given(schedules(), AMOUNTS, AMOUNTS)
def test_a_larger_amount_never_costs_less(schedule, one, other):
    low, high = sorted((one, other))

    assert fee_of(schedule, low).fee_vnd <= fee_of(schedule, high).fee_vnd
    assert fee_of(schedule, low).vat_vnd <= fee_of(schedule, high).vat_vnd


@settings(max_examples=60)
@given(schedules(), st.lists(AMOUNTS, min_size=1, max_size=20))
def test_the_parts_are_the_whole(schedule, amounts):
    fees = [fee_of(schedule, amount) for amount in amounts]
    nets = [amount - fee.total_vnd for amount, fee in zip(amounts, fees, strict=True)]

    assert sum(nets) + sum(f.fee_vnd for f in fees) + sum(f.vat_vnd for f in fees) == sum(amounts)


@settings(max_examples=60)
@given(schedules(), AMOUNTS)
def test_a_fee_is_never_negative_and_keeps_its_limits(schedule, amount):
    fee = fee_of(schedule, amount)

    assert fee.fee_vnd >= (min(schedule.min_vnd, schedule.max_vnd or schedule.min_vnd))
    assert not schedule.max_vnd or fee.fee_vnd <= schedule.max_vnd
    assert 0 <= fee.vat_vnd <= fee.fee_vnd


@settings(max_examples=60)
@given(st.integers(0, 1_000), AMOUNTS)
def test_a_share_alone_never_takes_more_than_the_amount(points, amount):
    schedule = FeeSchedule(
        acquirer="a", channel="c", bank_codes=("*",), basis_points=points, vat_basis_points=1_000
    )

    assert fee_of(schedule, amount).total_vnd <= amount


@settings(max_examples=60)
@given(schedules(), AMOUNTS)
def test_what_is_paid_and_given_back_leaves_the_fee_or_nothing(schedule, amount):
    paid, back = fee_of(schedule, amount), fee_of(schedule, -amount, "REFUND")

    left = paid.total_vnd + back.total_vnd
    assert left == (0 if schedule.refund == "returned" else paid.total_vnd)


@settings(max_examples=60)
@given(AMOUNTS, st.integers(0, 10_000))
def test_a_share_is_rounded_half_up(amount, points):
    exact = amount * points

    assert exact - 5_000 < share_vnd(amount, points) * 10_000 <= exact + 5_000
