# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel comes by one script, which takes little, installs nothing and says what stops it."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "host_tools/setup/guest-kernel"
PACKAGE = {
    "boot/vmlinuz-9.9": b"kernel",
    "lib/modules/9.9/kernel/drivers/usb/serial/ftdi_sio.ko": b"ftdi",
    "lib/modules/9.9/kernel/drivers/hid/usbhid/usbhid.ko.xz": b"hid",
    "lib/modules/9.9/kernel/drivers/virtio/virtio.ko": b"virtio",
    "lib/modules/9.9/kernel/drivers/char/virtio_console.ko": b"console",
    "lib/modules/9.9/kernel/fs/9p/9p.ko": b"9p",
    "lib/modules/9.9/kernel/fs/netfs/netfs.ko": b"netfs",
    "lib/modules/9.9/kernel/fs/fscache/fscache.ko": b"fscache",
    "lib/modules/9.9/kernel/net/9p/9pnet.ko": b"9pnet",
    "lib/modules/9.9/kernel/drivers/gpu/drm/huge.ko": b"not wanted",
}


def fetch(tmp_path: Path, **tools: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run the script in a checkout of its own, with ``tools`` (name → shell script) in front of the system's programs."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    (checkout / "host_tools/setup").mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, checkout / SCRIPT)
    programs.mkdir()
    for name, script in tools.items():
        (programs / name.replace("_", "-")).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name.replace("_", "-")).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C", "TMPDIR": str(tmp_path)}
    done = subprocess.run([str(checkout / SCRIPT)], env=environment, capture_output=True, text=True, check=False)
    return checkout / "build/guest-kernel", done


def package(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in PACKAGE.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_kernel_and_the_modules_of_usb_are_kept_and_nothing_else(tmp_path: Path) -> None:
    package(tmp_path / "all.tar")
    kept, done = fetch(
        tmp_path,
        apt_cache="echo '  Depends: linux-image-9.9-1-amd64'",
        apt_get='[ "$1 $2 $3" = "download -q linux-image-9.9-1-amd64" ] && : >linux-image-9.9.deb',
        dpkg_deb=f"cat {tmp_path}/all.tar",
    )
    assert (done.returncode, done.stdout) == (0, "")
    wanted = {"vmlinuz": b"kernel"} | {Path(name).name: data for name, data in PACKAGE.items() if ".ko" in name and "huge" not in name}
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == wanted


def test_kernel_that_is_there_is_left_alone(tmp_path: Path) -> None:
    there = tmp_path / "checkout/build/guest-kernel/vmlinuz"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"old")
    _, done = fetch(tmp_path, apt_get="exit 1", apt_cache="exit 1")
    assert (done.returncode, done.stderr, there.read_bytes()) == (0, "", b"old")


def test_kernel_that_cannot_be_fetched_is_said_with_the_next_command(tmp_path: Path) -> None:
    kept, done = fetch(tmp_path, apt_cache="exit 0", apt_get="echo no network >&2; exit 100", sudo='shift; exec "$@"')
    assert done.returncode == 1
    assert not kept.exists()
    assert "linux-image-amd64 cannot be fetched" in done.stderr
    assert "  | no network" in done.stderr
    assert "apt-get update && apt-get download linux-image-amd64" in done.stderr
