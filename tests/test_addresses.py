"""Pages are served on this machine only, unless another address is asked for."""

import http.client
import socket
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from gislr.utils.addresses import HOST, is_own
from gislr.utils.errors import GislrError
from gislr.web.page_server import PageServer
from tests.commands import free_port
from tests.serving import serving


@pytest.mark.parametrize(
    ("host", "own"),
    [(HOST, True), ("localhost", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False),
     ("10.0.0.7", False), ("::", False), ("example.org", False), ("", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host, own):
    assert is_own(host) is own


@pytest.fixture(params=[HOST, "0.0.0.0"])
def server(request):
    with serving(PageServer((request.param, 0), {"index.html": b""})) as found:
        yield found


def status(server, host, origin=None):
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=60)
    port = server.server_address[1]
    headers = {"Host": f"{host}:{port}"} | ({"Origin": origin} if origin else {})
    connection.request("GET", "/", headers=headers)
    return connection.getresponse().status


def test_names_that_others_may_lead_here_are_not_answered(server):
    opened = server.host != HOST
    assert status(server, HOST) == 200
    assert status(server, "localhost") == 200
    assert status(server, "10.0.0.7") == (200 if opened else 403)
    assert status(server, socket.gethostname()) == (200 if opened else 403)
    assert status(server, "example.org") == 403
    assert status(server, HOST, "http://example.org") == 403


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(GislrError, match=r"host must be an address of this machine"):
        PageServer(("192.0.2.1", 0), {})


def listened(process, port):
    return {
        connection.laddr.ip
        for each in (process, *process.children(recursive=True))
        for connection in each.net_connections("tcp")
        if connection.laddr.port == port and connection.status == "LISTEN"
    }


@pytest.mark.release
@pytest.mark.parametrize("host", [None, "0.0.0.0"])
def test_the_pages_of_runs_listen_where_they_are_told(host, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "gislr.ui", f"port={port}", "open=false"]
    command += [f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}"]
    command += [f"host={host}"] if host else []
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        listening = set()
        while not listening and time.monotonic() < deadline:
            time.sleep(0.2)
            with suppress(psutil.NoSuchProcess):  # of its children, some end soon
                listening = listened(psutil.Process(process.pid), port)
        assert listening == {host or HOST}
        warned = "lets everyone who reaches this machine" in (tmp_path / "log").read_text()
        assert warned is (host is not None)
    finally:
        process.terminate()
        process.wait(60)
