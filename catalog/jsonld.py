"""Goods as Schema.org JSON-LD for their public page (pure)."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from catalog.product import CATEGORIES, Product, Seller
from catalog.units import UNITS

_UN_CODES = {"kg": "KGM", "lit": "LTR", "doi": "PR", "g": "GRM", "ml": "MLT"}
"""UN/CEFACT Recommendation 20, where it knows the unit; the rest goes by its name."""


def product_jsonld(
    product: Product, *, seller: Seller, url: str, image_urls: Sequence[str], now: datetime
) -> dict[str, Any]:
    """A Product with its Offer. Goods priced on request carry no Offer price.

    Source: schema.org Product, Offer, UnitPriceSpecification.
    """
    described: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "@id": url,
        "sku": product.sku,
        "name": product.name_vi,
        "category": CATEGORIES[product.category].name_vi,
        "countryOfOrigin": {"@type": "Country", "name": product.origin.country},
        "offers": _offer(product, seller, url, now),
    }
    if product.description:
        described["description"] = product.description
    if image_urls:
        described["image"] = list(image_urls)
    if product.gtin:
        described["gtin"] = product.gtin
    if product.net_content is not None:
        described["weight" if product.net_unit == "g" else "size"] = {
            "@type": "QuantitativeValue",
            "value": product.net_content,
            "unitCode": _UN_CODES[product.net_unit],
        }
    if product.origin.producer:
        described["manufacturer"] = _producer(product)
    return described


def script_text(described: dict[str, Any]) -> str:
    """JSON that may stand inside a script element: nothing in it can close the element."""
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _offer(product: Product, seller: Seller, url: str, now: datetime) -> dict[str, Any]:
    place = ", ".join(part for part in (seller.stall, seller.hall, seller.ward) if part)
    available = "InStock" if product.is_available(now) else "OutOfStock"
    offer: dict[str, Any] = {
        "@type": "Offer",
        "url": url,
        "availability": f"https://schema.org/{available}",
        "itemCondition": "https://schema.org/NewCondition",
        "seller": {"@type": "LocalBusiness", "name": seller.name},
    }
    if place:
        offer["seller"]["address"] = {
            "@type": "PostalAddress",
            "streetAddress": place,
            "addressCountry": "VN",
        }
    price_vnd = product.price_vnd_at(now)
    if price_vnd is None:
        return offer
    unit = UNITS[product.unit]
    reference: dict[str, Any] = {"@type": "QuantitativeValue", "value": 1, "unitText": unit.name_vi}
    if unit.code in _UN_CODES:
        reference["unitCode"] = _UN_CODES[unit.code]
    offer |= {
        "price": str(price_vnd),
        "priceCurrency": "VND",
        "priceSpecification": {
            "@type": "UnitPriceSpecification",
            "price": str(price_vnd),
            "priceCurrency": "VND",
            "unitText": unit.name_vi,
            "referenceQuantity": reference,
        },
    }
    if price_vnd == product.sale_price_vnd and product.sale_to is not None:
        offer["priceValidUntil"] = product.sale_to.isoformat()
    return offer


def _producer(product: Product) -> dict[str, Any]:
    origin = product.origin
    return {
        "@type": "Organization",
        "name": origin.producer,
        "address": {
            "@type": "PostalAddress",
            "addressLocality": origin.commune,
            "addressRegion": origin.province,
            "addressCountry": origin.country,
        },
    }
