"""Every page in Markdown: its links lead somewhere, it is found from the first page, its flags exist.

Links into the network are not followed.
"""

import os
import re
import subprocess
import unittest

import harness

FIRST = "README.md"
LONGEST = 180  # lines of the first page: one good read
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"""(?:\]\(|\b(?:href|src)=")([^)"\s]+)""")
FLAG = re.compile(r"(?<![\w-])--[a-z]+(?:[.-][a-z]+)*\.[a-z]+(?:-[a-z]+)*")
PROGRAMS = ("aliyun_ecs_exporter", "aliyun_ecs_simulator", "check_aliyun_ecs")
# Of other people's programs.
FOREIGN = {"--config.file", "--storage.tsdb.path", "--collector.textfile.directory"}


def pages():
    """The text of every page, by its path from the top."""
    found = {}
    for folder, folders, files in os.walk(harness.SOURCE):
        folders[:] = [each for each in folders if each not in ("build", "node_modules", ".git")]
        for name in files:
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, harness.SOURCE)] = file.read()
    return found


def prose(text):
    """Without the blocks of code and the code within lines."""
    text = FENCED.sub("", text)
    return re.sub(r"`[^`\n]*`", "`", re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.MULTILINE))


def anchors(text):
    """Those that GitHub makes of the headings."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.*?)\s*$", FENCED.sub("", text), re.MULTILINE):
        heading = re.sub(r"\]\([^)]*\)", "", heading)
        slug = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def links(path, text):
    """Of this page: each link as it is written, the file or folder it leads to, and the anchor in it."""
    for link in LINK.findall(prose(text)):
        if not re.match(r"[a-z]+:", link):
            to, _, anchor = link.partition("#")
            yield link, os.path.normpath(os.path.join(os.path.dirname(path), to)) if to else path, anchor


def wrong_links(texts, exists):
    """What is wrong with the links of these pages, a sentence each."""
    reached, found = {FIRST}, []
    for path, text in sorted(texts.items()):
        for link, to, anchor in links(path, text):
            if to.startswith(("..", "/")) or not exists(to):
                found.append(f"{path}: {link} leads nowhere")
            elif anchor and anchor not in anchors(texts.get(to, "")):
                found.append(f"{path}: {link} has no such heading")
    queue = [FIRST]
    while queue:
        path = queue.pop()
        new = {to for _, to, _ in links(path, texts[path]) if to in texts} - reached
        reached |= new
        queue.extend(new)
    return found + [f"{path} is not found from {FIRST}" for path in sorted(texts.keys() - reached)]


class DocumentsTest(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        texts = pages()
        self.assertGreater(len(texts), 9)
        self.assertGreater(sum(len(list(links(*page))) for page in texts.items()), 40)
        self.assertEqual(wrong_links(texts, lambda to: os.path.exists(os.path.join(harness.SOURCE, to))), [])

    def test_a_wrong_link_is_seen(self):
        there = {FIRST, "a", "a/b.md", "a/picture.png"}
        exists = lambda to: to in there
        good = {FIRST: "# One, `two` – 3!\n[x](a/b.md#sub-heading) <img src=\"a/picture.png\">\n",
                "a/b.md": "## Sub-heading\n## Sub-heading\n[up](../README.md#one-two--3) [y](#sub-heading-1) "
                          "[out](https://example.org/x#y) `[code](nowhere)`\n\n    [block](nowhere)\n"}
        self.assertEqual(wrong_links(good, exists), [])
        for path, before, after, sentence in (
                (FIRST, "a/b.md#", "b.md#", "README.md: b.md#sub-heading leads nowhere"),
                (FIRST, "#sub", "#sup", "README.md: a/b.md#sup-heading has no such heading"),
                (FIRST, "picture.png", "picture.jpg", "README.md: a/picture.jpg leads nowhere"),
                (FIRST, "[x](a/b.md#sub-heading)", "", "a/b.md is not found from README.md"),
                ("a/b.md", "../README.md", "../../README.md", "a/b.md: ../../README.md#one-two--3 leads nowhere"),
                ("a/b.md", "-1)", "-2)", "a/b.md: #sub-heading-2 has no such heading")):
            with self.subTest(sentence):
                self.assertIn(before, good[path])
                self.assertIn(sentence, wrong_links({**good, path: good[path].replace(before, after)}, exists))

    def test_names_only_flags_that_are_there(self):
        known = set(FOREIGN)
        for program in PROGRAMS:
            known |= set(FLAG.findall(subprocess.run([os.path.join(harness.BIN, program), "--help"], text=True,
                                                     capture_output=True, check=False).stdout))
        self.assertGreater(len(known), 30)
        named = {(path, flag) for path, text in pages().items() for flag in FLAG.findall(text)}
        self.assertGreater(len(named), 40)
        self.assertEqual({(path, flag) for path, flag in named if flag not in known}, set())

    def test_the_first_page_is_one_good_read(self):
        lines = pages()[FIRST].splitlines()
        self.assertLessEqual(len(lines), LONGEST)


if __name__ == "__main__":
    harness.main()
