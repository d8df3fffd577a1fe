"""What a tax authority remembers, and what it answers: plain values for `checks`. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from einvoice.invoice import Method
from einvoice.keys import Signer

InvoiceKey = tuple[str, int, str, int]
"""Tax id, template, symbol, number."""


@dataclass(frozen=True)
class KnownSeller:
    """A seller as the authority knows it."""

    tax_id: str
    name: str
    code_prefix: str
    suspended: bool = False
    forms: tuple[str, ...] = ()
    """HTHDon: the forms of invoice it may send, by tag; nothing named means any."""


@dataclass(frozen=True)
class KnownDelegation:
    """A contract the authority has accepted: who issues for whom, in which series, how long."""

    tax_id: str
    name: str
    delegate_tax_id: str
    template: int
    letters: str
    valid_from: date
    valid_to: date

    @property
    def seller(self) -> KnownSeller:
        """The seller as far as it is known by this: it has no code prefix of its own."""
        return KnownSeller(self.tax_id, self.name, no_prefix(self.tax_id))


@dataclass(frozen=True)
class KnownInvoice:
    """An invoice the authority has accepted."""

    key: InvoiceKey
    digest: str
    """SHA-256 of its canonical DLHDon."""
    code: str
    payable_vnd: int
    corrects: InvoiceKey | None = None
    beside: tuple[InvoiceKey, ...] = ()
    """The others of its list, where it corrects several at once."""
    method: Method | None = None
    is_late: bool = False


class Known(Protocol):
    """What the authority remembers."""

    def answer_to(self, code: str) -> tuple[str, tuple[bytes, ...]] | None:
        """Digest of an earlier message with this id, and what was answered."""

    def seller(self, tax_id: str) -> KnownSeller | None:
        """A registered seller."""

    def fresh_prefix(self, tax_id: str) -> str:
        """Five characters for a new seller, given to nobody else."""

    def invoice(self, key: InvoiceKey) -> KnownInvoice | None:
        """An accepted invoice."""

    def holder_of_code(self, code: str) -> InvoiceKey | None:
        """Whose tax code this is."""

    def correction_of(self, key: InvoiceKey) -> Method | None:
        """How this invoice was corrected before."""

    def delegations(self, tax_id: str, delegate_tax_id: str) -> Sequence[KnownDelegation]:
        """Accepted contracts between these two."""


@dataclass(frozen=True)
class Answer:
    """What the authority answers, and what it has to remember if it does."""

    immediate: bytes
    """The 999."""
    later: tuple[bytes, ...] = ()
    """102 and 103, or 204."""
    code: str = ""
    digest: str = ""
    is_repeat: bool = False
    seller: KnownSeller | None = None
    invoices: tuple[KnownInvoice, ...] = ()
    delegations: tuple[KnownDelegation, ...] = ()


def no_prefix(tax_id: str) -> str:
    """What stands for the code prefix of who has none; no code begins with it."""
    return f"-{tax_id}"


@dataclass(frozen=True)
class Office:
    """Who answers: the authority's key, its source of ids, its clock."""

    signer: Signer
    new_id: Callable[[], UUID]
    now: datetime


@dataclass
class MemoryKnown:
    """What the authority remembers, in memory: for tests and examples."""

    answers: dict[str, tuple[str, tuple[bytes, ...]]] = field(default_factory=dict)
    sellers: dict[str, KnownSeller] = field(default_factory=dict)
    invoices: dict[InvoiceKey, KnownInvoice] = field(default_factory=dict)
    contracts: list[KnownDelegation] = field(default_factory=list)

    def answer_to(self, code: str) -> tuple[str, tuple[bytes, ...]] | None:
        """See Known."""
        return self.answers.get(code)

    def seller(self, tax_id: str) -> KnownSeller | None:
        """See Known."""
        return self.sellers.get(tax_id)

    def fresh_prefix(self, tax_id: str) -> str:
        """See Known."""
        return f"{len(self.sellers) + 1:05d}"

    def invoice(self, key: InvoiceKey) -> KnownInvoice | None:
        """See Known."""
        return self.invoices.get(key)

    def holder_of_code(self, code: str) -> InvoiceKey | None:
        """See Known."""
        return next((one.key for one in self.invoices.values() if one.code == code), None)

    def correction_of(self, key: InvoiceKey) -> Method | None:
        """See Known."""
        found = self.invoices.values()
        return next((one.method for one in found if key in (one.corrects, *one.beside)), None)

    def delegations(self, tax_id: str, delegate_tax_id: str) -> list[KnownDelegation]:
        """See Known."""
        between = (tax_id, delegate_tax_id)
        return [one for one in self.contracts if (one.tax_id, one.delegate_tax_id) == between]

    def remember(self, answer: Answer) -> None:
        """Keep what an answer implies."""
        if answer.code and not answer.is_repeat:
            self.answers[answer.code] = (answer.digest, (answer.immediate, *answer.later))
        if answer.seller is not None:
            self.sellers[answer.seller.tax_id] = answer.seller
        for one in answer.delegations:
            self.sellers.setdefault(one.tax_id, one.seller)
            self.contracts.append(one)
        self.invoices.update({one.key: one for one in answer.invoices})
