"""Where pages are served: on this machine only, unless another address is asked for."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

from gislr.utils.errors import GislrError
from gislr.utils.log import log

HOST = "127.0.0.1"


def warn_if_public(host: str) -> None:
    """Warns of an address that other machines reach."""
    if not is_own(host):
        log.warning(
            f"host={host} lets everyone who reaches this machine see and use these pages; there "
            "is no password and no encryption."
        )


@contextmanager
def explain_address(host: str, port: int) -> Iterator[None]:
    """Says in one sentence why the block cannot listen at an address.

    Raises:
        GislrError: The host is no address of this machine, or the port cannot be used.
    """
    try:
        yield
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            message = f"Port {port} is taken; choose another, as port=PORT."
        elif isinstance(error, PermissionError | OverflowError):
            message = f"Port {port} cannot be used; choose a port from 1024 to 65535."
        else:
            message = f"host must be an address of this machine; {host} is none."
        raise GislrError(message) from None


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
