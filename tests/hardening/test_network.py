"""Nothing reaches out: in all tests sockets to other machines are refused (see `tests/conftest.py`)."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest


def test_other_machines_are_out_of_reach() -> None:
    for call in (
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),  # an address for documentation
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9)),
    ):
        with pytest.raises(OSError, match="no test may reach another machine"):
            call()
    with pytest.raises(urllib.error.URLError, match="no test may reach another machine"):
        urllib.request.urlopen("http://example.org")


def test_this_machine_is_in_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(("localhost", server.getsockname()[1]), timeout=5):
            pass
