# SPDX-License-Identifier: Apache-2.0
"""Which test proves which clause: ``./run clauses``.

``marks`` finds the marked tests, ``record`` keeps how they ended, ``table`` puts both beside the clauses, ``page`` is for an auditor.
What a later room must prove stands in ``awaiting.toml``, with the room's name and what is missing.
"""
