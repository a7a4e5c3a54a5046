"""The manual pages and the examples of settings, made of what the programs say by --help.

A page is a frame, written by hand (*.in beside it), into which the options go. So no option, default or
name of a variable can go stale; that they are made again is for manual_test.py to see.
"""

import os
import re
import subprocess
import textwrap

import harness

PACKAGING = os.path.join(harness.SOURCE, "exporter", "packaging")
PROGRAMS = ("aliyun_ecs_exporter", "check_aliyun_ecs", "aliyun_ecs_simulator")
DEFAULT_FILE = os.path.join(PACKAGING, "default", "aliyun-ecs-exporter")
CONFIG_FILE = os.path.join(PACKAGING, "config.example.yml")

# They make the exporter end instead of serve, or name the file that settings are in.
NO_SETTINGS = {"help", "once", "config.file", "config.check", "healthcheck", "metrics-reference", "version"}

# What a setting without a default may look like.
EXAMPLES = {
    "web.config.file": "/etc/aliyun-ecs-exporter/web.yml",
    "metadata.exclude": "ram/security-credentials/[role-name]",
    "metrics.instance-tags": "team,env",
    "state.file": "/var/lib/aliyun-ecs-exporter/state.json",
    "spot.notice-file": "/run/aliyun-ecs-exporter/notice.json",
    "drill.file": "/etc/aliyun-ecs-exporter/drill.json",
    "alertmanager.url": "https://alertmanager.example:9093",
    "alertmanager.label": "job=aliyun-ecs-exporter",
    "alertmanager.annotation": "runbook_url=https://wiki.example/RUNBOOKS.md",
    "alertmanager.http-config": "/etc/aliyun-ecs-exporter/alertmanager.yml",
    "textfile": "/var/lib/prometheus/node-exporter/aliyun_ecs.prom",
}


class Option:
    """One of --help: .names ("-w", "--warning"), .argument, .default, .help, and .group, its heading."""

    def __init__(self, group, words):
        names, _, argument = words.partition(" ")
        self.group = group
        self.names = names.split(",")
        self.name = self.names[-1].removeprefix("--")
        self.argument, self.default, self.help = argument, "", ""
        # Where a value has the form NAME=VALUE, that is no default.
        if "=" in argument and not argument.endswith("=VALUE"):
            self.argument, _, self.default = argument.partition("=")


def help_of(program):
    done = subprocess.run([os.path.join(harness.BIN, program), "--help"], capture_output=True, text=True,
                          check=False, timeout=harness.DEADLINE, env=harness.environment())
    return done.stdout


def options(text):
    """Those of a --help, in its order."""
    found, group = [], None
    for line in text.split("\n"):
        if heading := re.fullmatch(r"(\S.*):", line):
            group = heading[1]
        elif line.startswith("  -"):
            # The help begins in this line or, where there is no room, in the next.
            alone = re.fullmatch(r"  \S+( \S+)?", line)
            found.append(Option(group, (line if alone else line[:30]).strip()))
            found[-1].help = "" if alone else line[30:]
        elif re.match(r" {30}\S", line):
            found[-1].help = f"{found[-1].help} {line.strip()}".strip()
        elif found and line:
            break  # what follows is no list of options
    return found


def settings():
    """Those of the exporter's options that may stand in a file."""
    return [option for option in options(help_of("aliyun_ecs_exporter")) if option.name not in NO_SETTINGS]


def mdoc_text(text):
    """A paragraph of mdoc(7): each sentence on a line of its own, or on several."""
    text = text.replace("\\", r"\e")
    lines = []
    for sentence in re.split(r"(?<=[.?])\s+", text):
        lines += textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False)
    # At the start of a line these would begin a macro; and a name's dashes are to be copied.
    return "\n".join(re.sub(r"^(?=[.'])", r"\\&", line).replace("--", r"\-\-") for line in lines)


def mdoc_option(option):
    flags = " , ".join(f"Fl {name[1:]}" for name in option.names)
    lines = [f".It {flags}" + (f" Ar {option.argument}" if option.argument else ""),
             mdoc_text(option.help)]
    if option.default:
        lines.append(f".Pq default Ql {option.default}")
    return "\n".join(lines)


def frame(path):
    with open(path + ".in", encoding="utf-8") as file:
        return file.read()


def page_path(program):
    return os.path.join(PACKAGING, "man", program + ".1")


def page(program):
    """The manual page."""
    pieces, group = [], "Options"
    for option in options(help_of(program)):
        if option.group != group:
            group = option.group
            pieces.append(f".El\n.Ss {group}\\&\n.Bl -tag -width Ds")
        pieces.append(mdoc_option(option))
    note = rf'.\" Made of {program}.1.in and --help; see tests/e2e/manual.py.' + "\n"
    return note + frame(page_path(program)).replace("@OPTIONS@", "\n".join(pieces))


def comment(text):
    return "\n".join(textwrap.wrap(text, 98, initial_indent="# ", subsequent_indent="# "))


def value_of(option):
    return option.default or EXAMPLES.get(option.name) or "false"


def repeatable(option):
    return option.name in ("web.listen-address", "metadata.exclude", "metrics.instance-tags",
                           "alertmanager.url", "alertmanager.label", "alertmanager.annotation")


def variable(option):
    name = "ALIYUN_ECS_EXPORTER_" + option.name.upper().replace(".", "_").replace("-", "_")
    value = value_of(option)
    quoted = value if re.fullmatch(r"[\w.:/=,+-]+", value) else f'"{value}"'
    return f"{comment(option.help)}\n#{name}={quoted}"


def key(option):
    value = value_of(option)
    plain = value if re.fullmatch(r"[\w/][\w./=+-]*|https?:[\w./:-]+", value) else f'"{value}"'
    if repeatable(option):
        plain = f"[{plain}]"
    return f"{comment(option.help)}\n#{option.name}: {plain}"


def made():
    """Everything that is made: the text of each file by its path."""
    files = {page_path(program): page(program) for program in PROGRAMS}
    for path, form in ((DEFAULT_FILE, variable), (CONFIG_FILE, key)):
        files[path] = frame(path).replace("@SETTINGS@", "\n\n".join(form(o) for o in settings()))
    return files
