"""Cut a Python process off the network: this file's folder in PYTHONPATH does it.

This machine itself stays reachable.
"""

import socket

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo
LOCAL = ("127.0.0.1", "::1", "localhost", "", None)


def connect(self, address):
    if isinstance(address, tuple) and address[0] not in LOCAL:
        raise OSError(f"the tests allow no network: connection to {address[0]} refused")
    return _connect(self, address)


def getaddrinfo(host, *rest, **options):
    if host not in LOCAL:
        raise socket.gaierror(f"the tests allow no network: look-up of {host} refused")
    return _getaddrinfo(host, *rest, **options)


socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
