"""The platform: places, people, sales, adoption figures, and the edges that reach them."""
