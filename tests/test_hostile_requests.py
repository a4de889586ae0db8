"""Requests that no browser of this machine makes: refused, and nobody else waits for them."""

import json
import runpy
import socket
import struct
from contextlib import closing

import pytest

from gislr.web.page_server import PageServer
from tests.browser import browser, needs_browser
from tests.documentation import ROOT
from tests.serving import serving

PAGE = b"<!doctype html><title>a page</title>"


@pytest.fixture(scope="module")
def server():
    with serving(PageServer(("127.0.0.1", 0), {"index.html": PAGE})) as found:
        yield found


def answer(server, *lines, host=True):
    """Sends lines as they are, and returns the answer's status and the whole answer."""
    own = [f"Host: 127.0.0.1:{server.server_address[1]}"] if host else []
    with closing(socket.create_connection(server.server_address, timeout=60)) as connection:
        connection.sendall("\r\n".join([lines[0], *own, *lines[1:], "", ""]).encode())
        received = b""
        while part := connection.recv(2**16):
            received += part
    return int(received.split()[1]), received


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET / HTTP/1.1"], 200),
        (["GET http://evil.example/ HTTP/1.1"], 404),
        (["GET //evil.example/ HTTP/1.1"], 404),
        (["GET /?<script> HTTP/1.1"], 200),
        (["GET / HTTP/1.1", "Host: evil.example"], 200),
        (["GET / HTTP/1.1", "Origin: http://127.0.0.1"], 403),
        (["GET / HTTP/1.1", "Origin: https://evil.example"], 403),
        (["GET / HTTP/1.1", *[f"X-{k}: x" for k in range(120)]], 431),
        (["GET / HTTP/1.1", f"X: {'x' * 70_000}"], 431),
        ([f"GET /{'x' * 70_000} HTTP/1.1"], 414),
        (["<script>alert(1)</script> / HTTP/1.1"], 501),
        (["DELETE / HTTP/1.1"], 501),
        (["OPTIONS / HTTP/1.1", "Access-Control-Request-Method: POST"], 501),
        (["POST / HTTP/1.1", "Transfer-Encoding: chunked"], 404),
    ],
)
def test_odd_requests(server, lines, status):
    found, received = answer(server, *lines)
    assert found == status
    assert b"<script>" not in received.partition(b"\r\n\r\n")[2]
    assert b"Access-Control-Allow" not in received


def test_a_request_names_its_host(server):
    port = server.server_address[1]
    assert answer(server, "GET / HTTP/1.1", host=False)[0] == 403
    for host in (f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "127.0.0.1", ""):
        assert answer(server, "GET / HTTP/1.1", f"Host: {host}", host=False)[0] == 403


@pytest.mark.slow
def test_nobody_waits_for_a_slow_request(server, capfd):
    slow = [socket.create_connection(server.server_address) for _ in range(40)]
    try:
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert answer(server, "GET / HTTP/1.1")[0] == 200
    finally:
        for connection in slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
    assert answer(server, "GET / HTTP/1.1")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@needs_browser
def test_a_page_of_another_site_gets_no_answer(server):
    """A name that leads to this machine, and a page of another port that asks this one."""
    port = server.server_address[1]
    with (
        serving(PageServer(("127.0.0.1", 0), {"index.html": PAGE})) as other,
        browser("--host-resolver-rules=MAP evil.example 127.0.0.1") as page,
    ):
        page.open(f"http://evil.example:{port}/")
        assert "Only pages of this machine" in page.run("return document.body.textContent")
        page.open(other.address)
        assert page.run("return document.title") == "a page"
        ask = f"fetch('http://127.0.0.1:{port}/', {{method: 'POST', mode: 'no-cors'}})"
        page.run(f"{ask}.catch(() => {{ window.failed = true; }})")
        page.wait("window.failed")
        for markup in ("<img src=x onerror='window.ran=1'>", "<script>window.ran=1</script>"):
            page.run("document.body.innerHTML = arguments[0]", markup)
        page.run("document.body.append(document.createElement('script'))")
        page.run("document.querySelector('script:last-child').textContent = 'window.ran = 1'")
        assert page.run("return window.ran") is None


def test_an_audit_that_nobody_answered_is_no_good_news():
    advisories = runpy.run_path(str(ROOT / ".ci/audit.py"))["advisories"]
    skipped = {"name": "a", "skip_reason": "not found on PyPI"}
    safe = {"name": "b", "version": "1", "vulns": []}
    bad = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    for report in ("", json.dumps({"dependencies": [skipped]})):
        [line], is_well = advisories(report)
        assert (is_well, "did not answer" in line) == (False, True)
    for packages, last, well in (
        ([safe], "No advisory is known for 1 packages.", True),
        ([safe, bad], "c 2: CVE-1, fixed in 3", False),
        ([safe, skipped], "Nothing is known of a.", False),
    ):
        lines, is_well = advisories(json.dumps({"dependencies": packages}))
        assert (lines[-1], is_well) == (last, well)
