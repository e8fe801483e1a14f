#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# adapt-state.py RECORDED RUNNING [newer|next]: a state file of another release, with what belongs
# to the running attachment: its device, and its links' sockets. "newer": with keys that nobody
# knows yet. "next": of a version that nobody knows yet.

import json
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


recorded, running = read(sys.argv[1]), read(sys.argv[2])
recorded["device"] = running["device"]
for link, now in zip(recorded["links"], running["links"], strict=True):
    link["socket"] = now["socket"]
if "newer" in sys.argv:
    for place in [recorded, *recorded["links"], *recorded["events"]]:
        place["added-later"] = {"any": ["thing", 1, None]}
if "next" in sys.argv:
    recorded["version"] += 1
print(json.dumps(recorded))
