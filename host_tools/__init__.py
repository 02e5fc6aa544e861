# SPDX-License-Identifier: Apache-2.0
"""What people run on their own machine: the engineer's ``rnt``, the demonstration, the checks, the set-up. None of it is flashed."""
