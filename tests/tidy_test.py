"""What a program can hold of the house's rules: who may include whom, how large a folder gets, columns,
words that a comment does not begin with, and that whatever is named exists."""

import collections
import importlib.util
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("base", "proto", "records", "storage", "cluster", "actors", "http", "app")
# A folder may include itself and these.
MAY_INCLUDE = {
    "base": (),
    "proto": ("base",),
    "records": ("base", "proto"),
    "storage": ("base", "proto"),
    "cluster": ("base", "proto"),
    "actors": ("base", "proto", "records", "storage", "cluster"),
    "http": ("base", "proto", "records", "storage"),
    "app": FOLDERS,
}
FILES_MAX = 40  # of one folder at one level
LINES_MAX = 500
COLUMNS_MAX = 100
# Frozen when made, or told by somebody else.
FROZEN = ("docs/decisions/", "docs/history/", "LICENSE")
MADE_UP = ("tests/server/readme_test.py",)  # writes a configuration of that name
TELLS_OF_OTHERS = ("CHANGELOG.md",)


def listed(*patterns):
    said = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                          cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in said.splitlines() if (ROOT / name).exists()]


def text_of(name):
    return (ROOT / name).read_text(errors="replace")


def includes(name):
    return re.findall(r'^#include "([^"]+)"', text_of(name), re.M)


def room_of(name):
    return str(pathlib.PurePosixPath(name).parent)


class Tidy(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.code = listed("*.cpp", "*.hpp")
        self.product = [name for name in self.code if name.split("/")[0] in FOLDERS]

    def none(self, found, rule):
        if found:
            self.fail(f"{rule}; not so ({len(found)}):\n  " + "\n  ".join(map(str, found)))

    def test_folders_include_only_what_stands_below_them(self):
        self.none([f"{name} includes {other}" for name in self.product for other in includes(name)
                   if other.split("/")[0] in FOLDERS and other.split("/")[0] != name.split("/")[0]
                   and other.split("/")[0] not in MAY_INCLUDE[name.split("/")[0]]],
                  "dependencies point one way (ARCHITECTURE.md, The house)")

    def test_the_product_does_not_know_its_tests(self):
        self.none([f"{name} includes {other}" for name in self.product for other in includes(name)
                   if other.startswith("tests/")], "the product does not know its tests")

    def test_rooms_import_in_no_circle(self):
        below = collections.defaultdict(set)
        for name in self.product:
            for other in includes(name):
                if other.split("/")[0] in FOLDERS and room_of(other) != room_of(name):
                    below[room_of(name)].add(room_of(other))

        def reached(room):
            seen, left = set(), [room]
            while left:
                for other in below[left.pop()] - seen:
                    seen.add(other)
                    left.append(other)
            return seen
        self.none(sorted(room for room in list(below) if room in reached(room)), "these rooms import each other")

    def test_every_include_exists(self):
        self.none([f"{name}: {other}" for name in self.code for other in includes(name)
                   if not (ROOT / other).exists()], "includes begin at the root of the repository")

    def test_no_folder_is_a_maze(self):
        counts = collections.Counter(room_of(name) for name in self.code)
        self.none([f"{room}: {count} files" for room, count in counts.items() if count > FILES_MAX],
                  f"at most {FILES_MAX} files at one level")

    def test_no_file_is_a_book(self):
        self.none([f"{name}: {count} lines" for name in self.product
                   if (count := text_of(name).count("\n")) > LINES_MAX], f"at most {LINES_MAX} lines")

    def test_lines_end_before_the_column(self):
        found = []
        for name in self.code + listed("*.md"):
            if name.startswith(FROZEN):
                continue
            fenced = False
            for number, line in enumerate(text_of(name).splitlines(), 1):
                fenced ^= line.lstrip().startswith("```")
                # A table's row can't be broken, nor can what is typed as it stands.
                if name.endswith(".md") and (fenced or line.startswith(("|", "    ")) or "](http" in line):
                    continue
                # A literal of JSON is one line, so that it can be searched for.
                if name.startswith("tests/") and re.search(r'"(\)|\]|\}|\))|R"|\{\s*"', line):
                    continue
                if len(line) > COLUMNS_MAX:
                    found.append(f"{name}:{number}")
        self.none(found, f"at most {COLUMNS_MAX} columns")

    def test_no_comment_begins_with_of(self):
        found = []
        for name in self.code:
            begins = True  # a comment of several lines begins with its first
            for number, line in enumerate(text_of(name).splitlines(), 1):
                alone = re.match(r"\s*//[/!<]*\s?(.*)", line)
                trailing = None if alone else re.search(r"//+<?\s+(of\b.*)$", line, re.I)
                if trailing or (alone and begins and re.match(r"of\b", alone.group(1), re.I)):
                    found.append(f"{name}:{number}")
                begins = not alone or alone.group(1).strip() == ""
        self.none(found, "a sentence has a subject: no comment begins with \"of\"")

    def test_what_is_named_exists(self):
        path = re.compile(r"(?<![\w./-])((?:" + "|".join(FOLDERS + ("docs", "tests", "configs", "deploy", "bench", "fuzz"))
                          + r")/[\w./-]*\.(?:cpp|hpp|def|md|py|yaml|json|txt|sh|cmake))\b")
        found = []
        for name in self.code + listed("*.md", "*.cmake", "*.py", "dev"):
            if name.startswith(FROZEN + TELLS_OF_OTHERS + MADE_UP):
                continue
            for number, line in enumerate(text_of(name).splitlines(), 1):
                for other in path.findall(line):
                    if not (ROOT / other).exists() and not (ROOT / name).parent.joinpath(other).exists():
                        found.append(f"{name}:{number}: {other}")
        self.none(found, "these do not exist")

    def test_heads_of_headers(self):
        found = []
        for name in self.code:
            if name.endswith(".hpp") and "#pragma once" not in text_of(name):
                found.append(f"{name}: #pragma once is missing")
            own = name[:-3] + "hpp"
            if name in self.product and name.endswith(".cpp") and own in self.code and includes(name)[:1] != [own]:
                found.append(f"{name}: its own header comes first")
        self.none(found, "heads")

    def test_decisions_say_whether_they_stand(self):
        self.none([name for name in listed("docs/decisions/*.md")
                   if not re.match(r"# .*\n\nStatus: (accepted|superseded by \d{4})\n\n", text_of(name))],
                  "a decision begins with its heading and its status")

    def test_pictures_are_what_their_script_draws(self):
        spec = importlib.util.spec_from_file_location("draw", ROOT / "docs/pictures/draw.py")
        draw = importlib.util.module_from_spec(spec)
        sys.dont_write_bytecode = True  # nothing is left beside it
        spec.loader.exec_module(draw)
        committed = {pathlib.PurePosixPath(name).name: text_of(name) for name in listed("docs/pictures/*.svg")}
        self.none(sorted(name for name, text in draw.drawn().items() if committed.get(name) != text)
                  + sorted(committed.keys() - draw.drawn().keys()), "run docs/pictures/draw.py")


if __name__ == "__main__":
    unittest.main()
