# SPDX-License-Identifier: Apache-2.0
"""A missing kernel of the guest is said with its remedy."""

from pathlib import Path

import pytest

from tests.support.guest.image import NoGuest, kernel


def test_missing_kernel_is_said_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(NoGuest, match="host_tools/setup/guest-kernel"):
        kernel(tmp_path)
