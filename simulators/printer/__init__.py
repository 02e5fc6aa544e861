# SPDX-License-Identifier: Apache-2.0
"""A receipt printer: ESC/POS on a pseudo-terminal. It decodes what it is sent and keeps the printed lines."""
