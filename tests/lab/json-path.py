#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""json-path.py PATH: prints one value of the JSON on standard input.

PATH is dot-separated keys and indices ("guests.0.alignment_ratio"); "-1" is the last item,
"#" the number of items. Of a stream of JSON, one object a line, the last one counts.
"""
import json
import sys

text = sys.stdin.read().strip()
try:
    value = json.loads(text)
except ValueError:
    value = json.loads(text.splitlines()[-1])
for part in sys.argv[1].split("."):
    if part == "#":
        value = len(value)
    elif isinstance(value, list):
        value = value[int(part)]
    else:
        value = value[part]
print(json.dumps(value) if isinstance(value, (dict, list, bool, type(None))) else value)
