# SPDX-License-Identifier: Apache-2.0
"""What the people at the counter see and answer."""
