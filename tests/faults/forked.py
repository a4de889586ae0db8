"""Reads broken input in processes of their own, which native code may end."""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

FORK = multiprocessing.get_context("fork")
SECONDS = 5
BYTES = 4 * 2**30


class Ended(Exception):
    """Native code ended the process that read a case."""


def in_processes(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Returns a reader of each case in a forked process.

    It raises `Ended` where the process ended by a signal: a crash, or more than its limits.
    """

    def forked(content: bytes, sending: Connection) -> None:
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
            signal.signal(number, signal.SIG_DFL)  # atheris would write a report
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        try:
            read(content)
            sending.send(None)
        except Exception as error:
            sending.send(error)

    def case(content: bytes) -> None:
        receiving, sending = FORK.Pipe(duplex=False)
        process = FORK.Process(target=forked, args=(content, sending))
        process.start()
        sending.close()
        try:
            error = receiving.recv()
        except EOFError:
            error = Ended()
        process.join()
        if error:
            raise error

    return case
