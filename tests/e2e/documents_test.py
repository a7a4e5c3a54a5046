"""Every page in Markdown: its links lead somewhere, it is found from the first page, its flags exist.

So does the version that the first page names.

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
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*")
PROGRAMS = ("aliyun_ecs_exporter", "aliyun_ecs_simulator", "check_aliyun_ecs")
# One of them and its arguments, up to the end of the command.
COMMAND = re.compile(rf"\b({'|'.join(PROGRAMS)}) ((?:[^`#|;&>)\n\\]|\\\n)*)")
# Of other programs, whose commands the pages show.
FOREIGN = set("""
    aliyun: --mode --profile --ram-role-name --region
    aliyun_ecs_targets.py: --aliyun --listen --port --profile --region --spot --tag --vpc
    amtool: --alertmanager.url --author --comment --duration --inhibited
    build-packages.sh: --rpm
    cmake, ctest: --build --install --prefix --preset --target --test-dir --workflow
    curl: --fail --max-time --noproxy
    dashboard_data.py: --end --port --serve
    demo.sh: --once
    git: --short
    docker: --build --build-arg --cap-drop --memory --memory-swap --name --network --platform --push --read-only
            --restart --rm --security-opt --target --user --wait
    kubectl: --delete-emptydir-data --from-file --grace-period --ignore-daemonsets --load-restrictor
    prometheus: --config.file
    promtool: --lint-fatal
    systemctl, journalctl: --grep --lines --no-pager --now --property --since
    tar: --group --no-overwrite-dir --owner
    tests/run.sh: --full""".split())


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


def wrong_flags(texts, known):
    """What is wrong with the flags of these pages, a sentence each; known by program."""
    every = FOREIGN.union(*known.values())
    found = {f"{path}: {flag} is no flag" for path, text in texts.items()
             for flag in FLAG.findall(text) if flag not in every}
    found |= {f"{path}: {program} has no {flag}" for path, text in texts.items()
              for program, arguments in COMMAND.findall(text)
              for flag in FLAG.findall(arguments) if flag not in known[program]}
    return sorted(found)


class DocumentsTest(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        texts = pages()
        self.assertGreater(len(texts), 9)
        self.assertGreater(sum(len(list(links(*page))) for page in texts.items()), 40)
        self.assertEqual(wrong_links(texts, lambda to: os.path.exists(os.path.join(harness.SOURCE, to))), [])

    def test_a_wrong_link_is_seen(self):
        there = {FIRST, "a", "a/b.md", "a/picture.png"}
        good = {FIRST: "# One, `two` – 3!\n[x](a/b.md#sub-heading) <img src=\"a/picture.png\">\n",
                "a/b.md": "## Sub-heading\n## Sub-heading\n[up](../README.md#one-two--3) [y](#sub-heading-1) "
                          "[out](https://example.org/x#y) `[code](nowhere)`\n\n    [block](nowhere)\n"}
        self.assertEqual(wrong_links(good, there.__contains__), [])
        for path, before, after, sentence in (
                (FIRST, "a/b.md#", "b.md#", "README.md: b.md#sub-heading leads nowhere"),
                (FIRST, "#sub", "#sup", "README.md: a/b.md#sup-heading has no such heading"),
                (FIRST, "picture.png", "picture.jpg", "README.md: a/picture.jpg leads nowhere"),
                (FIRST, "[x](a/b.md#sub-heading)", "", "a/b.md is not found from README.md"),
                ("a/b.md", "../README.md", "../../README.md", "a/b.md: ../../README.md#one-two--3 leads nowhere"),
                ("a/b.md", "-1)", "-2)", "a/b.md: #sub-heading-2 has no such heading")):
            with self.subTest(sentence):
                self.assertIn(before, good[path])
                bad = {**good, path: good[path].replace(before, after)}
                self.assertIn(sentence, wrong_links(bad, there.__contains__))

    def test_names_only_flags_that_are_there(self):
        known = {program: set(FLAG.findall(subprocess.run(
            [os.path.join(harness.BIN, program), "--help"], text=True, capture_output=True, check=False).stdout))
                 for program in PROGRAMS}
        texts = pages()
        self.assertEqual(wrong_flags(texts, known), [])
        # A list of others that nobody needs hides a mistake.
        named = {flag for text in texts.values() for flag in FLAG.findall(text)}
        self.assertEqual({flag for flag in FOREIGN if flag.startswith("--")} - named, set())

    def test_a_wrong_flag_is_seen(self):
        known = dict.fromkeys(PROGRAMS, {"--once", "--state.file"})
        text = "`--once`, cmake --build x\n    /usr/bin/aliyun_ecs_exporter --once \\\n  --state.file=x | curl --fail # --rm\n"
        self.assertEqual(wrong_flags({"a.md": text}, known), [])
        for before, after, sentence in (
                ("`--once`", "`--onze`", "a.md: --onze is no flag"),
                ("--state.file", "--state-file", "a.md: --state-file is no flag"),
                ("--once \\", "--fail \\", "a.md: aliyun_ecs_exporter has no --fail"),
                ("--state.file", "--rm", "a.md: aliyun_ecs_exporter has no --rm")):
            with self.subTest(sentence):
                self.assertIn(before, text)
                self.assertIn(sentence, wrong_flags({"a.md": text.replace(before, after)}, known))

    def test_the_first_page_has_the_version_of_the_project(self):
        with open(os.path.join(harness.SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"^project\(\S+ VERSION (\S+)", file.read(), re.MULTILINE)[1]
        for path, text in pages().items():
            named = set(re.findall(r"\baliyun-ecs-(?:exporter|simulator):([\w.]+)", text))
            self.assertLessEqual(named, {version}, path)
            self.assertTrue(named or path != FIRST)

    def test_the_first_page_is_one_good_read(self):
        lines = pages()[FIRST].splitlines()
        self.assertLessEqual(len(lines), LONGEST)


if __name__ == "__main__":
    harness.main()
