# SPDX-License-Identifier: Apache-2.0
"""Drivers: they talk to devices and know nothing of activation. Blocking libraries stay in ``hal.link``, behind ``hal.worker``."""
