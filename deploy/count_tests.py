"""Counts test cases of one or several `bazel test` and prints "N passed, N failed" as its last line.

usage: count_tests.py BUILD_EVENTS.json...     (as --build_event_json_file wrote them)

A GoogleTest binary counts its cases, a script counts one. A target that could not be built, crashed or timed out counts
one failure on top of the cases it reported. Exits 1 when anything failed.
"""
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_results(path):
    """Returns {label: [(status, xml path or None)]}, one entry a shard's last attempt, and {label: overall status}."""
    shards, overall, tests, broken = {}, {}, set(), set()
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            event_id = event.get("id", {})
            if "testResult" in event_id and "testResult" in event:
                key = event_id["testResult"]
                xml = next((o.get("uri") for o in event["testResult"].get("testActionOutput", []) if o["name"] == "test.xml"), None)
                shard = (key.get("run", 1), key.get("shard", 1))
                shards.setdefault(key["label"], {})[shard] = (event["testResult"].get("status"), xml)
            elif "testSummary" in event_id and "testSummary" in event:
                overall[event_id["testSummary"]["label"]] = event["testSummary"].get("overallStatus")
            elif "targetConfigured" in event_id and "testSize" in event.get("configured", {}):
                tests.add(event_id["targetConfigured"]["label"])
            elif "targetCompleted" in event_id and not event.get("completed", {}).get("success"):
                broken.add(event_id["targetCompleted"]["label"])
    for label in tests & broken:
        overall.setdefault(label, "FAILED_TO_BUILD")
    return {label: list(runs.values()) for label, runs in shards.items()}, overall


def count_cases(uri):
    """Cases of a test.xml: (passed, failed names, skipped)."""
    passed, failed, skipped = 0, [], 0
    root = ElementTree.parse(urllib.parse.unquote(urllib.parse.urlparse(uri).path)).getroot()
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f'{case.get("classname", "")}.{case.get("name", "")}'.strip("."))
        elif case.find("skipped") is not None or case.get("status") == "notrun" or case.get("result") == "skipped":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_run(path):
    """(passed, failed names, skipped, whether there was any test) of one `bazel test`."""
    shards, overall = read_results(path)
    passed, failed, skipped = 0, [], 0
    for label, status in sorted(overall.items()):
        names = []
        for shard_status, xml in shards.get(label, []):
            case_passed, case_failed, case_skipped = count_cases(xml) if xml else (0, [], 0)
            passed, skipped = passed + case_passed, skipped + case_skipped
            names += case_failed
            if shard_status not in ("PASSED", "FLAKY") and not case_failed:
                names.append(f"({shard_status})")
        if status not in ("PASSED", "FLAKY") and not names:
            names.append(f"({status})")
        failed += [f"{label} {name}" for name in names]
    return passed, failed, skipped, bool(overall)


def main():
    passed, failed, skipped, any_test = 0, [], 0, True
    for path in sys.argv[1:]:
        run_passed, run_failed, run_skipped, run_any = count_run(path)
        passed, failed, skipped = passed + run_passed, failed + run_failed, skipped + run_skipped
        any_test = any_test and run_any
    for name in failed:
        print("FAILED:", name)
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not any_test else 0


if __name__ == "__main__":
    sys.exit(main())
