"""A peer: Open vSwitch's userspace datapath between two namespaces, by veth pairs whose offloads are off.

A database and a switch daemon of their own, in a temporary folder, gone after the block. Debian package
openvswitch-switch; its kernel module is not used.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from experiments.live.guests import INTERFACE, Guest
from experiments.live.tap import MTU, Device
from experiments.live.vpc import Address
from experiments.recording.programs import Namespace, RecordingError, run
from experiments.recording.topology import OFFLOADS

SCHEMA: Final = Path("/usr/share/openvswitch/vswitch.ovsschema")
_BRIDGE: Final = "lockstep"
_START_SECONDS: Final = 30.0
_NO_DEVICE: Final = Device(-1)


def is_installed() -> bool:
    """Whether its programs are there, and what switches offloads off."""
    return SCHEMA.exists() and all(map(shutil.which, ("ovs-vswitchd", "ovsdb-server", "ovs-vsctl", "ethtool")))


@contextlib.contextmanager
def switched(addresses: Sequence[Address]) -> Iterator[list[Guest]]:
    """Guests on one bridge of a switch in user space. Raises `RecordingError`."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ovs-")))
        socket = folder / "db.sock"
        _call(["ovsdb-tool", "create", f"{folder}/conf.db", str(SCHEMA)], folder)
        remote = f"--remote=punix:{socket}"
        stack.enter_context(_daemon(["ovsdb-server", f"{folder}/conf.db", remote], folder))
        _await(socket)
        control = ["ovs-vsctl", f"--db=unix:{socket}", "--timeout=20"]
        _call([*control, "--no-wait", "init"], folder)
        stack.enter_context(_daemon(["ovs-vswitchd", f"unix:{socket}"], folder))
        kind = ["--", "set", "bridge", _BRIDGE, "datapath_type=netdev", "fail_mode=standalone"]
        _call([*control, "add-br", _BRIDGE, *kind], folder)
        stack.callback(_call, [*control, "del-br", _BRIDGE], folder)
        guests = [_guest(address, stack) for address in addresses]
        for address in addresses:
            _call([*control, "add-port", _BRIDGE, _outside(address)], folder)
        yield guests


def _outside(address: Address) -> str:
    return f"lv{os.getpid() % 100_000}g{address.number}"


def _guest(address: Address, stack: contextlib.ExitStack) -> Guest:
    name = Namespace(f"lockstep-peer{address.number}-{os.getpid()}")
    run(None, ["ip", "netns", "add", name])
    stack.callback(run, None, ["ip", "netns", "delete", name])
    outside = _outside(address)
    pair = f"ip link add {outside} mtu {MTU} type veth peer name {INTERFACE} mtu {MTU} netns {name}"
    run(None, pair.split())
    switches = [word for offload in OFFLOADS for word in (offload, "off")]
    run(None, ["ethtool", "-K", outside, *switches])
    run(name, ["ethtool", "-K", INTERFACE, *switches])
    run(None, ["ip", "link", "set", outside, "up"])
    run(name, ["ip", "addr", "add", f"{address.text}/24", "dev", INTERFACE])
    for link in ("lo", INTERFACE):
        run(name, ["ip", "link", "set", link, "up"])
    return Guest(name, address, _NO_DEVICE)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"OVS_RUNDIR": str(folder), "OVS_LOGDIR": str(folder), "OVS_DBDIR": str(folder)}


def _call(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words, env=_environment(folder), capture_output=True, text=True, timeout=_START_SECONDS, check=False
    )
    if done.returncode:
        raise RecordingError(f"'{' '.join(words)}' failed: {' '.join(done.stderr.split())}")


@contextlib.contextmanager
def _daemon(words: list[str], folder: Path) -> Iterator[None]:
    environment = _environment(folder)
    running = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)


def _await(path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise RecordingError(f"{path} does not appear")
        time.sleep(0.05)
