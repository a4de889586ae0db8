"""A TCP proxy that cuts and slows connections."""

import socket
import threading
import time
from contextlib import suppress


class Proxy:
    """Passes on what reaches a port of this machine.

    Attributes:
        port: Where it listens.
        delay: Seconds for which it holds every piece back.
        is_open: Whether it accepts connections; else it closes them at once.
        cuts: How many connections it has cut.
    """

    def __init__(self, target):
        self._target, self._sockets = target, []
        self.delay, self.is_open, self.cuts = 0.0, True, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, seconds):
        """Breaks all connections off, and refuses new ones for some seconds."""
        self.is_open = False
        sockets, self._sockets = self._sockets, []
        self.cuts += len(sockets) // 2
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        time.sleep(seconds)
        self.is_open = True

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self.is_open:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source, sink):
        with suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(self.delay)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets = [each for each in self._sockets if each not in (source, sink)]
