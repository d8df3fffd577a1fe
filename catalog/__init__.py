"""Goods, listed once and sold on every channel."""
