"""text.py FILE...: whether the files are clean text, and those of JSON are JSON without a doubt.

Prints what is not, one a line, and fails then.
"""

import json
import re
import sys


def once(pairs):
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" stands there twice')
    return dict(pairs)


def complaints(path):
    """(line, what is wrong) of a file."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield content.count(b"\n", 0, error.start) + 1, "is not UTF-8"
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if "\t" in line and not path.endswith(".tsv"):
            yield number, "a tab"
        if re.search("[\0-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", line):
            yield number, "a character that nobody sees"
    if lines[-1]:
        yield len(lines), "no newline at the end of the file"
    elif text.endswith("\n\n") or text == "\n":
        yield len(lines) - 1, "an empty line at the end of the file"
    if path.endswith(".json"):
        try:
            json.loads(text, object_pairs_hook=once)
        except ValueError as error:
            yield 1, f"no good JSON: {error}"


def main(paths):
    found = [f"{path}:{line}: {what}" for path in paths for line, what in complaints(path)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
