"""The commands behind `market.cli`; each module is imported only when its command is asked for."""
