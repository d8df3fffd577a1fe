"""The printed invoice: what stands on it, how it is drawn, its archive form with the XML inside."""
