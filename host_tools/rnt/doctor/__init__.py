# SPDX-License-Identifier: Apache-2.0
"""``rnt doctor``: what keeps a terminal from working. Each check looks at one thing and changes nothing."""
