# SPDX-License-Identifier: Apache-2.0
"""The imperative shell: wiring, the runner of sessions, device workers, recovery, configuration."""
