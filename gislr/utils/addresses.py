"""Where pages are served: on this machine only, unless another address is asked for."""

from __future__ import annotations

import ipaddress

from gislr.utils.log import log

HOST = "127.0.0.1"


def warn_if_public(host: str) -> None:
    """Warns of an address that other machines reach."""
    if not is_own(host):
        log.warning(
            f"host={host} lets everyone who reaches this machine see and use these pages; there "
            "is no password and no encryption."
        )


def is_own(host: str) -> bool:
    """Tells whether only this machine reaches an address."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Tells whether a host is written as an address and not by a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
