# SPDX-License-Identifier: Apache-2.0
"""First module after reset. Arms the watchdog before anything else can fail.

From here on an uncaught exception or an endless loop ends in a reset, never in a mute board: the image has no prompt to fall back to.
"""

import hal  # noqa: F401  # importing it arms the watchdog
