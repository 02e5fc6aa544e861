# SPDX-License-Identifier: Apache-2.0
"""What several tests share: a whole counter, an engineer's bench, the invariants, the tree of files."""
