# SPDX-License-Identifier: Apache-2.0
"""All simulators together: one terminal's surroundings in one directory.

``layout`` says where everything is and how each simulator is started, ``devices`` starts and ends them, ``files`` writes what a
terminal and a person need to know. The rig starts no terminal: that is whoever uses it.
"""
