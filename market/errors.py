"""Every error the platform's own rules raise on purpose, as one tree."""

from uuid import UUID


class MarketError(Exception):
    """What the world may do wrong with places, people and sales; each kind has a code."""

    code = "market_error"


class NotFound(MarketError):
    """There is no such thing, or the viewer may not see it."""

    code = "not_found"

    def __init__(self, what: str, identifier: UUID | str) -> None:
        super().__init__(f"There is no {what} {identifier}.")
        self.what = what
        self.identifier = str(identifier)


class StaleVersion(MarketError):
    """Somebody else changed it meanwhile; load it anew."""

    code = "stale_version"

    def __init__(self, what: str, version: int, current: int) -> None:
        super().__init__(f"{what} is at version {current}, the change was made on {version}.")
        self.what = what
        self.version = version
        self.current = current


class SaleIdReused(MarketError):
    """A sale with this id but other content is already there."""

    code = "sale_id_reused"

    def __init__(self, sale_id: UUID) -> None:
        super().__init__(f"Sale {sale_id} exists with other content. Make a new id.")
        self.sale_id = str(sale_id)


class AmountOutOfRange(MarketError):
    """The amount is not between 1 and 499,999,999 đ (NAPAS 247 takes less than 500 million)."""

    code = "amount_out_of_range"

    def __init__(self, amount_vnd: int) -> None:
        super().__init__(f"{amount_vnd} is not between 1 and 499999999.")
        self.amount_vnd = amount_vnd


class LinesDoNotAddUp(MarketError):
    """The lines' amounts do not sum to the amount of the sale, or one line cannot be right."""

    code = "lines_do_not_add_up"

    def __init__(self, amount_vnd: int, lines_vnd: int) -> None:
        super().__init__(f"The lines come to {lines_vnd}, the sale says {amount_vnd}.")
        self.amount_vnd = amount_vnd
        self.lines_vnd = lines_vnd


class StallNotSelling(MarketError):
    """The stall is paused, ended, or has no vendor yet."""

    code = "stall_not_selling"

    def __init__(self, stall_id: UUID) -> None:
        super().__init__(f"Stall {stall_id} is not open for sales.")
        self.stall_id = str(stall_id)


class NoReceivingAccount(MarketError):
    """The vendor has no verified account, so no QR can be made; cash can be recorded."""

    code = "no_receiving_account"

    def __init__(self, stall_id: UUID) -> None:
        super().__init__(f"Stall {stall_id} has no receiving account yet.")
        self.stall_id = str(stall_id)


class SaleFinal(MarketError):
    """The sale is paid, expired or cancelled; this can no longer be done."""

    code = "sale_final"

    def __init__(self, sale_id: UUID, state: str) -> None:
        super().__init__(f"Sale {sale_id} is {state}.")
        self.sale_id = str(sale_id)
        self.state = state
