# SPDX-License-Identifier: Apache-2.0
"""Noise on the line, in numbers; the line and the count are those of the bench."""

import pytest

from bench.noise import campaign


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.4, 0.6])
def test_noise_no_wrong_card_is_accepted_and_right_ones_still_come(noise: float) -> None:
    ended = campaign(int(noise * 100), 6000, noise)
    assert ended["wrong"] == 0, ended
    assert ended["right"] > 40, ended
