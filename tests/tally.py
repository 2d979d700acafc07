#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts test cases over meson's logs, and closes with 'N passed, N failed, N skipped'.

A case is a line of TAP. A program that failed otherwise (crash, timeout, wrong plan) counts
as one failed case more. Skipped cases are listed with their reasons, failed ones with what
they said last.
"""
import json
import re
import sys

CASE = re.compile(r"^(not )?ok\b(?:\s+\d+)?\s*-?\s*([^#]*)(?:#\s*(SKIP|TODO)\b\s*(.*))?",
                  re.IGNORECASE)

SAID_LINES = 6


def said_last(test, case):
    """The comments below a failed case, or how the program ended."""
    lines = (test.get("stdout") or "").splitlines()
    if case:
        at = next(i for i, line in enumerate(lines) if line.startswith("not ok") and case in line)
        behind = lines[at + 1:]
        end = next((i for i, line in enumerate(behind) if CASE.match(line)), len(behind))
        said = [line for line in behind[:end] if line.startswith("#")][:SAID_LINES]
    else:
        said = (lines[-2:] + (test.get("stderr") or "").splitlines())[-SAID_LINES:]
    return "".join(f"\n    {line[:160]}" for line in said)


def tally(path):
    passed, failed, skipped = 0, [], []
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            cases = [m for m in map(CASE.match, (test.get("stdout") or "").splitlines()) if m]
            bad = [m.group(2).strip() for m in cases if m.group(1) and not m.group(3)]
            for match in cases:
                if match.group(3) and match.group(3).upper() == "SKIP":
                    skipped.append(f"{test['name']}: {match.group(2).strip()}: "
                                   f"{match.group(4).strip() or 'no reason given'}")
                elif not match.group(1):
                    passed += 1
            failed += [f"{test['name']}: {name}{said_last(test, name)}" for name in bad]
            if test["result"] == "SKIP" and not cases:
                skipped.append(f"{test['name']}: as a whole")
            elif test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP") and not bad:
                failed.append(f"{test['name']}: {test['result'].lower()}{said_last(test, '')}")
            elif test["result"] == "OK" and not cases:
                passed += 1
    return passed, failed, skipped


def main(paths):
    passed, failed, skipped = 0, [], []
    for path in paths:
        try:
            one = tally(path)
        except (OSError, ValueError) as error:
            one = (0, [f"{path}: {error}"], [])
        passed, failed, skipped = passed + one[0], failed + one[1], skipped + one[2]
    for name in skipped:
        print("skipped:", name)
    for name in failed:
        print("FAILED:", name)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1:]))
