# SPDX-License-Identifier: Apache-2.0
"""A UICC with a USIM application, at the wire: it answers PC/SC's virtual reader as a card answers a writer."""
