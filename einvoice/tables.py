"""The rows of schema `einvoice`. They stay inside this package: values in, views out."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(
    SQLModel, registry=registry(metadata=MetaData(schema="einvoice", naming_convention=NAMES))
):
    """Everything this package stores."""
