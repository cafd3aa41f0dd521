"""The connection to a Ray cluster.

Ray is optional (`pip install 'coderl-env[ray]'`) and imported when a cluster is asked for.
"""

from __future__ import annotations

import socket
from typing import Any

__all__ = ["connect"]

_CONNECT_SECONDS = 10.0


def connect(address: str) -> Any:
    """Connect this process to a Ray cluster, unless it is connected to one, and return the module `ray`.

    The process stays connected until it ends.

    Args:
        address: of a running cluster (`auto` finds the one of this machine), or `local` to start one here.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ValueError(
            "a Ray cluster needs the package ray; install it with: pip install 'coderl-env[ray]'"
        ) from error
    if not ray.is_initialized():
        _check_reachable(address)
        try:
            ray.init(address=None if address == "local" else address, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            raise ValueError(f"no Ray cluster at {address!r}: {' '.join(str(error).split())}") from error
    return ray


def _check_reachable(address: str) -> None:
    """Check that something listens at `HOST:PORT`; Ray itself would try again for many minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ValueError(
            f"no Ray cluster at {address}: {error.strerror or error}; `ray start --head` prints its address"
        ) from error
