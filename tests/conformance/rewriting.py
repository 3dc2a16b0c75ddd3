"""What the scripts that rewrite a corpus folder have in common: their arguments, and the report of what differs."""
import argparse
import os
import sys

from corpus import Hone


def report(way, results, show):
    """results: (label, whether it agrees, the answer, its module as it is compared, the module that was wanted). Returns how many differ."""
    results = list(results)
    wrong = [result for result in results if not result[1]]
    for label, _, answer, module, want in wrong[:show]:
        line = next((f"{a!r} became {b!r}" for a, b in zip(want.split("\n"), module.split("\n")) if a != b), "")
        print(f"  {way} {label}: {answer.get('error', line)[-300:]}")
    print(f"{way}: {len(results) - len(wrong)} of {len(results)}")
    return len(wrong)


def main(usage, ways, cases_of, checker):
    """Rewrites `cases_of(folder, limit)` in the ways of the command line, all of `ways` by default, and exits 0 when all agree.

    `checker(hone, cases)` returns a function that gives a way's results, as `report` takes them."""
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("ways", nargs="*", default=[], metavar="WAY")
    parser.add_argument("--hone", required=True)
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("--limit", type=int, default=10**9)
    arguments = parser.parse_args()
    unknown = [way for way in arguments.ways if way not in ways]
    if unknown:
        parser.error(f"unknown way {unknown[0]}; there are {', '.join(ways)}")
    cases = cases_of(arguments.folder, arguments.limit)
    if not cases:
        sys.exit(f"{arguments.folder} has no cases")
    check = checker(Hone(os.path.abspath(arguments.hone)), cases)
    wrong = sum(report(way, check(way), arguments.show) for way in arguments.ways or ways)
    sys.exit(1 if wrong else 0)
