"""coverage.py FILE: the table of gcovr's JSON by folder, the lines that nothing reached, and the goal."""

import collections
import json
import os
import sys

GOAL = 95  # percent of the lines of each of these
FOLDERS = ("client", "poll", "metadata", "expose", "check")


def folder_of(path):
    """"client" of exporter/client/url.cc; "." of exporter/main.cc."""
    return os.path.dirname(os.path.relpath(path, "exporter")) or "."


def ranges(numbers):
    """"3-5, 9" of [3, 4, 5, 9]."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in found)


def read(report):
    """{path: {line: times}} of the lines that can run."""
    found = collections.defaultdict(dict)
    for file in report["files"]:
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                counts = found[file["file"]]
                counts[line["line_number"]] = counts.get(line["line_number"], 0) + line["count"]
    return dict(found)


def main(path):
    with open(path, encoding="utf-8") as file:
        files = read(json.load(file))
    shares = {}
    for name, counts in files.items():
        reached, lines = shares.get(folder_of(name), (0, 0))
        shares[folder_of(name)] = (reached + sum(map(bool, counts.values())), lines + len(counts))
    missing = [folder for folder in FOLDERS if folder not in shares]
    if missing:
        print(f"coverage.py: nothing was counted of {', '.join(missing)}.", file=sys.stderr)
        return 1

    for name, counts in sorted(files.items()):
        bare = ranges(sorted(number for number, count in counts.items() if not count))
        if bare and folder_of(name) in FOLDERS:
            print(f"{name}: {bare}")
    print(f"\n{'folder':<10} {'lines':>6} {'reached':>8} {'share':>8}")
    poor = []
    for folder, (reached, lines) in sorted(shares.items(), key=lambda each: each[0] not in FOLDERS):
        share = 100 * reached / lines
        print(f"{folder:<10} {lines:>6} {reached:>8} {share:>7.1f}%")
        if folder in FOLDERS and share < GOAL:
            poor.append(folder)
    if poor:
        print(f"coverage.py: less than {GOAL} % of {', '.join(poor)}.", file=sys.stderr)
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
