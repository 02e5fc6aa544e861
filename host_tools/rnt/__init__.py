# SPDX-License-Identifier: Apache-2.0
"""host_tools/rnt."""
