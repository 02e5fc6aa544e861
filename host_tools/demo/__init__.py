# SPDX-License-Identifier: Apache-2.0
"""One activation without hardware, told in plain words.

Starts the rig of simulators, provisions a terminal with the real tool, runs the real terminal, and tells what it sees at the
kiosk's socket. With a power cut it kills the terminal at a step and shows how it finishes. Decides nothing about activations, and
reaches the simulators only as processes.
"""
