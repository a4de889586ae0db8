"""Addresses of servers, which must hold no password."""

from __future__ import annotations

from urllib.parse import parse_qs


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
    if "://" not in url or url.startswith("sqlite:"):
        return False
    address, _, query = url.partition("://")[2].partition("?")
    # To the last @: a password that is not quoted may hold others, and slashes.
    is_named = ":" in address.rpartition("@")[0]
    return is_named or any("password" in name.lower() for name in parse_qs(query))
