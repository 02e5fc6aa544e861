# SPDX-License-Identifier: Apache-2.0
"""What the guest boots: Debian's kernel, and an initramfs made here of busybox and the kernel modules in their order.

The initramfs only mounts the host's own files, read-only over 9p, and starts the agent in them: guest and host run the same Python,
libraries and checkout. Clause: linux Documentation/driver-api/early-userspace/buffer-format.rst (newc).
"""

from __future__ import annotations

import lzma
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT: Final = Path(__file__).resolve().parents[3]
KERNEL_FOLDER: Final = CHECKOUT / "build/guest-kernel"
BUSYBOX: Final = Path("/usr/bin/busybox")
MODULES: Final = (
    *("virtio_pci", "virtio_console", "9pnet_virtio", "9p"),
    *("xhci_pci", "usbhid", "hid_generic", "ftdi_sio", "cdc_acm", "pl2303"),
)
"""Drivers the guest starts with; what they need is found in the modules themselves."""
INIT: Final = """#!/busybox sh
/busybox mount -t proc proc /proc
for module in $(/busybox cat /order); do /busybox insmod /modules/$module || /busybox echo "no module $module"; done
/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host || exec /busybox poweroff -f
/busybox mount -t devtmpfs devtmpfs /host/dev
/busybox mount -t proc proc /host/proc
/busybox mount -t sysfs sysfs /host/sys
/busybox mount -t tmpfs -o mode=755 tmpfs /host/run
cd /host
export PYTHONPATH={path}
exec /busybox chroot /host {python} -m tests.support.guest.agent
"""


class NoGuest(Exception):
    """The machine cannot run the guest; the text says what is missing and what to do."""


def kernel(folder: Path = KERNEL_FOLDER) -> Path:
    """Return the kernel image in ``folder``; :class:`NoGuest` when there is none."""
    image = folder / "vmlinuz"
    if not image.is_file():
        raise NoGuest("no kernel for the guest in build/guest-kernel: run host_tools/setup/guest-kernel, which says what stops it")
    return image


def initramfs(python: str) -> bytes:
    """Return the initramfs, uncompressed; ``python`` is the interpreter's path on the host."""
    if not BUSYBOX.is_file():
        raise NoGuest("no /usr/bin/busybox: apt-get install busybox-static (./run sees to it)")
    modules = dict(_with_what_they_need(MODULES))
    files = {
        "init": (0o100755, INIT.replace("{python}", python).replace("{path}", _python_path()).encode()),
        "busybox": (0o100755, BUSYBOX.read_bytes()),
        "order": (0o100644, "\n".join(modules).encode()),
        **{f"modules/{name}": (0o100644, data) for name, data in modules.items()},
    }
    folders = [(name, 0o040755, b"") for name in ("modules", "proc", "host")]
    entries = folders + [(name, mode, data) for name, (mode, data) in files.items()]
    return b"".join(_entry(number, *entry) for number, entry in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1))


def _python_path() -> str:
    """Return the folders this checkout and the libraries the host was told of are found in, as the guest needs them."""
    told = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join(map(str, (CHECKOUT, *(Path(folder).resolve() for folder in told))))


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    """Return one file in newc format: 13 numbers of 8 hexadecimal digits, name, data, each padded to 4 bytes."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def _with_what_they_need(names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) of all modules, each behind those it depends on."""
    there = {_plain(path): path for path in kernel().parent.glob("*.ko*")}
    done: set[str] = set()

    def one(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name not in there:
            return  # what is not a file is built into the kernel
        done.add(name)
        data = there[name].read_bytes()
        data = lzma.decompress(data) if there[name].suffix == ".xz" else data
        found = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (found[1].decode() if found else "").split(","):
            yield from one(other.replace("-", "_"))
        yield name, data

    for name in names:
        yield from one(name)


def _plain(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")
