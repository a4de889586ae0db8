"""Addresses of servers, which must hold no password."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def has_password(url: str) -> bool:
    """Tells whether an address of a server or a database holds a password.

    Example:
        >>> from hydra_plugins.optuna_sweeper import has_password
        >>> has_password("postgresql://ann@host/studies")
        False
        >>> has_password("postgresql://ann:secret@host/studies")
        True
        >>> has_password("postgresql://host/studies?user=ann&password=secret")
        True
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    # What is wrongly quoted may hide one: everything between the scheme and the last @ counts.
    before_host = url.partition("://")[2].partition("?")[0].rpartition("@")[0]
    in_query = any("password" in name.lower() for name in parse_qs(parts.query))
    return ":" in before_host or in_query
