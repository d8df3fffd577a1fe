"""Channels: the provincial portal over HTTP, a package of files for a person, and a sandbox."""
