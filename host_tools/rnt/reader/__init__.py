# SPDX-License-Identifier: Apache-2.0
"""``rnt reader``: an ID reader at the bench or in a stopped terminal. No command shows a whole identity; nothing here keeps one."""
