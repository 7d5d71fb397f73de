"""What is said while the recording runs: real programs, a few seconds, about a megabyte.

In IPv4 the guest alone opens flows to the internet. In IPv6 the internet opens flows to the guest as
well. So one capture holds both what source NAT can carry and what needs an external address.
"""

import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.recording import topology as place
from experiments.recording.programs import Namespace, RecordingError, run, serving
from experiments.recording.topology import Topology

HTTP_PORT = 8080
CLOSED_PORT = 9
PING_COUNT = 5
FILE_BYTES = 40_000
SEED = 1701
CURL_CONNECTION_REFUSED = 7
SERVER_START_SECONDS = 10.0

OUTSIDE_ADDRESSES = (
    place.PEER_IPV4,
    place.INTERNET_IPV4,
    place.PEER_IPV6,
    place.INTERNET_IPV6,
)

Report = Callable[[str], None]
"""Told what is being done, for the user to see."""


def hold(places: Topology, report: Report) -> None:
    """Runs the programs one after the other. Raises `RecordingError`."""
    with _servers(places):
        report("ping to the gateway, a peer and the internet")
        _pings(places)
        report("iperf3 over TCP and UDP")
        _throughput_tests(places)
        report("curl in both directions")
        _downloads(places)


@contextlib.contextmanager
def _servers(places: Topology) -> Iterator[None]:
    http = [sys.executable, "-m", "http.server", "--bind", "::", str(HTTP_PORT)]  # both families
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "file").write_bytes(random.Random(SEED).randbytes(FILE_BYTES))
        with contextlib.ExitStack() as servers:
            for address in OUTSIDE_ADDRESSES:  # a wildcard server answers UDP from any of them
                listening = ["iperf3", "--server", "--bind", address]
                servers.enter_context(serving(places.outside, listening))
            for namespace in (places.outside, places.guest):
                servers.enter_context(serving(namespace, http, folder))
                _await_server(namespace)
            yield


def _await_server(namespace: Namespace) -> None:
    """Asks over the loopback device, which is not recorded."""
    deadline = time.monotonic() + SERVER_START_SECONDS
    url = f"http://127.0.0.1:{HTTP_PORT}/"
    while True:
        try:
            run(namespace, ["curl", "--silent", "--fail", "--output", "/dev/null", url])
        except RecordingError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _pings(places: Topology) -> None:
    brief = ["ping", "-q", "-i", "0.02", "-c", str(PING_COUNT)]
    for address in (place.GATEWAY_IPV4, place.PEER_IPV4, place.INTERNET_IPV4):
        run(places.guest, [*brief, address])
    gateway = f"{place.GATEWAY_IPV6}%{place.GUEST_INTERFACE}"
    for address in (gateway, place.PEER_IPV6, place.INTERNET_IPV6):
        run(places.guest, [*brief, "-6", "-I", place.GUEST_IPV6, address])
    run(places.outside, [*brief, "-I", place.PEER_IPV4, place.GUEST_IPV4])
    for address in (place.PEER_IPV6, place.INTERNET_IPV6):
        run(places.outside, [*brief, "-6", "-I", address, place.GUEST_IPV6])


def _throughput_tests(places: Topology) -> None:
    for server in OUTSIDE_ADDRESSES:
        client = ["iperf3", "--client", server]
        streams = ["--parallel", "4", "--length", "4K", "--bytes", "48K"]
        datagrams = ["--udp", "--bitrate", "10M", "--bytes", "20K"]
        run(places.guest, [*client, *streams])
        run(places.guest, [*client, *streams, "--reverse"])
        run(places.guest, [*client, *datagrams, "--length", "1200"])
        run(places.guest, [*client, *datagrams, "--length", "200", "--reverse"])


def _downloads(places: Topology) -> None:
    for server in OUTSIDE_ADDRESSES:
        run(places.guest, _curl(server, "file"))
    for client, guest in (
        (place.PEER_IPV4, place.GUEST_IPV4),
        (place.PEER_IPV6, place.GUEST_IPV6),
        (place.INTERNET_IPV6, place.GUEST_IPV6),
    ):
        run(places.outside, [*_curl(guest, "file"), "--interface", client])
    for server in (place.PEER_IPV4, place.INTERNET_IPV6):
        refused = _curl(server, "", port=CLOSED_PORT)
        run(places.guest, refused, accepted=(CURL_CONNECTION_REFUSED,))


def _curl(server: str, file: str, port: int = HTTP_PORT) -> list[str]:
    host = f"[{server}]" if ":" in server else server
    return ["curl", "--silent", "--show-error", "--output", "/dev/null", f"http://{host}:{port}/{file}"]
