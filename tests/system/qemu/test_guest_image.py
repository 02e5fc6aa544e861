# SPDX-License-Identifier: Apache-2.0
"""What the guest boots is what a kernel unpacks. Stands here and not with the house rules: it needs the kernel that ./run test fetches."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guest.image import BUSYBOX, MODULES, initramfs


@pytest.mark.slow
def test_initramfs_is_an_archive_whose_modules_stand_behind_what_they_need(tmp_path: Path) -> None:
    subprocess.run([BUSYBOX, "cpio", "-i", "-d"], cwd=tmp_path, input=initramfs(sys.executable), capture_output=True, check=True)
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "busybox").read_bytes() == BUSYBOX.read_bytes()
    order = (tmp_path / "order").read_text().split()
    assert sorted(order) == sorted(path.name for path in (tmp_path / "modules").iterdir())
    assert set(MODULES) <= set(order)
    for module, needed in {"9p": "9pnet", "ftdi_sio": "usbserial", "xhci_pci": "xhci_hcd", "hid_generic": "hid"}.items():
        assert order.index(needed) < order.index(module)
