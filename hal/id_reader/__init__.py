# SPDX-License-Identifier: Apache-2.0
"""Second-generation ID-card readers with a local SAM: frames, driver, card layouts."""
