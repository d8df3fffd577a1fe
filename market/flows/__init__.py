"""Where engines meet. Three tables say what follows from what; each flow adds its line.

`REACTIONS` runs in the relay, in the transaction that moves its position: exactly once.
`JOBS` runs in the worker, outside any transaction: at least once, asked for by `outbox.enqueue`.
`PERIODIC` names the jobs the relay asks for every so many seconds.
"""

from market.flows import (
    acquired,
    adoption,
    clearing,
    correction,
    day_end,
    invoice,
    invoice_deadlines,
    invoice_issuing,
    listing,
    notices,
    onboarding,
    refund_invoices,
    refunds,
    sale,
    settlement,
    settlement_files,
    suspense,
    till_numbers,
    upkeep,
    webhooks,
)
from market.flows.context import Context, Event, Job, Reaction, each

__all__ = ["JOBS", "PERIODIC", "REACTIONS", "Context", "Event", "Job", "Reaction"]

JOBS: dict[str, Job] = {
    "expire_payments": settlement.expire_payments,
    "pull_missed_notices": notices.pull_missed_notices,
    "forget_notices": notices.forget_notices,
    "load_settlement_files": settlement_files.load_settlement_files,
    "ask_acquirers": acquired.ask_acquirers,
    "send_refunds": refunds.send_refunds,
    "book_refunds": refunds.book_refunds,
    sale.STOCK_JOB: sale.settle_stock,
    "issue_invoice": invoice_issuing.issue_invoice,
    "issue_invoices": invoice_issuing.issue_invoices,
    till_numbers.JOB: till_numbers.issue_till_numbers,
    "send_invoices": invoice.send_invoices,
    "watch_invoice_deadlines": invoice_deadlines.watch_deadlines,
    "invoice_day_end": day_end.invoice_day_end,
    refund_invoices.JOB: correction.write_corrections,
    "sync_listings": listing.sync_listings,
    "expire_holds": upkeep.expire_holds,
    "feed_statements": upkeep.feed_statements,
    "seal_journal": upkeep.seal_journal,
    "keep_partitions": upkeep.keep_partitions,
    "finish_decisions": suspense.finish_decisions,
    webhooks.JOB: webhooks.send_webhooks,
    "forget_webhooks": webhooks.forget_webhooks,
    clearing.INSTRUCT: clearing.instruct_session,
    clearing.CONFIRM: clearing.confirm_payout,
}

REACTIONS: dict[str, Reaction] = {
    # One line a flow, in the order they run: a sale is paid before it is counted.
    "receipt.recorded": each(
        onboarding.test_paid,
        settlement.receipt_recorded,
        sale.goods_paid,
        acquired.receipt_recorded,
        refunds.receipt_recorded,
        clearing.receipt_recorded,
        adoption.takings_rolled_up,
        webhooks.fan_out,
    ),
    "receipt.conflict": suspense.conflict_told,
    "payment.expired": each(settlement.payment_ended, sale.goods_freed, webhooks.fan_out),
    "payment.cancelled": each(settlement.payment_ended, sale.goods_freed, webhooks.fan_out),
    "refund.asked": each(refunds.refund_moved, webhooks.fan_out),
    "refund.unknown": each(refunds.refund_moved, webhooks.fan_out),
    "refund.sent": each(refunds.refund_moved, webhooks.fan_out),
    "refund.refused": each(refunds.refund_moved, webhooks.fan_out),
    "refund.problem": each(refunds.refund_moved, webhooks.fan_out),
    "refund.looked_at": refunds.refund_moved,
    "refund.done": each(
        refunds.refund_moved,
        adoption.refund_rolled_up,
        refund_invoices.refund_done,
        webhooks.fan_out,
    ),
    "suspense.resolved": each(suspense.resolved, refunds.suspense_resolved, webhooks.fan_out),
    "suspense.undone": each(suspense.undone, refunds.suspense_undone, webhooks.fan_out),
    "webhook.parked": webhooks.parked,
}

PERIODIC: dict[str, int] = {
    "expire_payments": 30,
    till_numbers.JOB: 5,
    "send_invoices": 5,
    "watch_invoice_deadlines": 300,
    "invoice_day_end": 60,
    refund_invoices.JOB: 30,
    "sync_listings": 5,
    "pull_missed_notices": 60,
    "forget_notices": 3_600,
    "load_settlement_files": 300,
    "ask_acquirers": 60,
    "send_refunds": 10,
    "book_refunds": 30,
    "expire_holds": 10,
    "feed_statements": 5,
    "seal_journal": 60,
    "keep_partitions": 3_600,
    "finish_decisions": 10,
    sale.STOCK_JOB: 30,
    webhooks.JOB: 3,
    "forget_webhooks": 3_600,
}
"""Seconds between two asks; a job that is not in `JOBS` is not asked for."""
