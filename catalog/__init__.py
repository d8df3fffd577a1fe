"""Goods, listed once and sold on every channel."""

from catalog.channels import (
    ChannelHealth,
    Listing,
    join_channel,
    leave_channel,
    listings_of,
    offers,
    portal_categories,
    put_channel,
    resume_channel,
)
from catalog.connector import Connector, ListingState
from catalog.errors import (
    CatalogError,
    InvalidProduct,
    InvalidQuantity,
    PictureRefused,
    PriceJump,
    Problem,
    SkuTaken,
    StaleVersion,
    UnknownChannel,
    UnknownProduct,
)
from catalog.jsonld import product_jsonld, script_text
from catalog.listings import (
    archive,
    put_new_products,
    put_product,
    set_price,
    set_stock,
    tell_again,
)
from catalog.migrations import migrate
from catalog.pictures import Photo, photo_bytes, prepared, put_photo
from catalog.product import CATEGORIES, Category, Origin, Product, Seller, Status, sku_of
from catalog.search import Page, find
from catalog.shelf import Revision, product_by_id, product_by_sku, products, products_of, revisions
from catalog.sync import push
from catalog.units import UNITS, Unit, checked_quantity, line_amount_vnd, unit
from catalog.vietnamese import fold, sort_key, tidy

__all__ = [
    "CATEGORIES",
    "UNITS",
    "CatalogError",
    "Category",
    "ChannelHealth",
    "Connector",
    "InvalidProduct",
    "InvalidQuantity",
    "Listing",
    "ListingState",
    "Origin",
    "Page",
    "Photo",
    "PictureRefused",
    "PriceJump",
    "Problem",
    "Product",
    "Revision",
    "Seller",
    "SkuTaken",
    "StaleVersion",
    "Status",
    "Unit",
    "UnknownChannel",
    "UnknownProduct",
    "archive",
    "checked_quantity",
    "find",
    "fold",
    "join_channel",
    "leave_channel",
    "line_amount_vnd",
    "listings_of",
    "migrate",
    "offers",
    "photo_bytes",
    "portal_categories",
    "prepared",
    "product_by_id",
    "product_by_sku",
    "product_jsonld",
    "products",
    "products_of",
    "push",
    "put_channel",
    "put_new_products",
    "put_photo",
    "put_product",
    "resume_channel",
    "revisions",
    "script_text",
    "set_price",
    "set_stock",
    "sku_of",
    "sort_key",
    "tell_again",
    "tidy",
    "unit",
]
