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


def calls(text, function):
    """The arguments of each call of a function, as they are written, split at the commas between them."""
    for begin in re.finditer(rf"\b{function}\(", text):
        depth, quoted, argument, found = 1, False, "", []
        for at in range(begin.end(), len(text)):
            c = text[at]
            if c == '"' and text[at - 1] != "\\":
                quoted = not quoted
            depth += 0 if quoted else (c in "([{") - (c in ")]}")
            if depth == 0 or (depth == 1 and c == "," and not quoted):
                found.append(argument.strip())
                argument = ""
            else:
                argument += c
            if depth == 0:
                break
        yield found


def table_rows(name):
    """The cells of the rows of a document's tables that begin with something in backticks."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")]
            for line in text_of(name).splitlines() if line.startswith("| `")]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


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

    def test_a_format_is_asked_what_it_is_like_and_not_which_it_is(self):
        self.none([f"{name}: {found}" for name in self.product if not name.startswith("records/formats/")
                   for found in re.findall(r"(?:[=!]=|\bcase) *body_format::\w+|\w+_format *[=!]= *&", text_of(name))
                   if name != "proto/batch.cpp"],  # makes its cases of the list
                  "ask a member of format_kind (records/formats/kind.hpp)")

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
        others = ("docs", "tests", "configs", "deploy", "bench", "fuzz")
        path = re.compile(r"(?<![\w./-])((?:" + "|".join(FOLDERS + others)
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

    def same_rows(self, code, document, name):
        self.none([f"only in the code: {row}" for row in sorted(code - document)]
                  + [f"only in {name}: {row}" for row in sorted(document - code)], f"{name} says what the code does")

    def test_every_log_event_has_its_row(self):
        code = collections.defaultdict(lambda: (set(), set()))
        for file in self.product:
            for arguments in calls(text_of(file), "log_event"):
                if len(arguments) < 2 or "log_level::" not in arguments[0]:
                    continue  # its declaration
                fields = re.findall(r'\{\s*(?:\w+ \? )?"(\w+)"(?: : "(\w+)")?\s*,', " ".join(arguments[2:]))
                for event in re.findall(r'"(\w+)"', arguments[1]):
                    code[event][0].update(re.findall(r"log_level::(\w+)", arguments[0]))
                    code[event][1].update(field for pair in fields for field in pair if field)
        self.assertGreater(len(code), 50)
        rows = table_rows("docs/events.md")
        self.same_rows({(event, tuple(sorted(levels)), tuple(sorted(fields)))
                        for event, (levels, fields) in code.items()},
                       {(quoted(row[0])[0], tuple(sorted(row[1].split(", "))), tuple(sorted(quoted(row[2]))))
                        for row in rows}, "docs/events.md")
        self.assertEqual(len(rows), len(code), "an event has one row")

    def test_every_metric_is_declared_once_and_has_its_row(self):
        # Types, labels and texts are compared by tests/app/node/metrics_docs_test.cpp, what a node shows by
        # tests/server/operations_test.py.
        declared = collections.Counter(name for file in self.product for name in
                                       re.findall(r'\{\s*"((?:weir|process)_[a-z_]+)",\s*"',
                                                  re.sub(r"^ *//.*", "", text_of(file), flags=re.M)))
        self.assertGreater(len(declared), 45)
        self.none([name for name, count in declared.items() if count > 1], "a metric is declared where it is counted")
        self.same_rows(set(declared), {quoted(row[0])[0] for row in table_rows("docs/metrics.md")}, "docs/metrics.md")

    def test_every_queue_has_its_row(self):
        roles = text_of("proto/role_names.hpp")
        named = dict(re.findall(r'const char\* (\w+) = "(\w+)";', roles))
        text = re.sub(r"role_name::(\w+)\b(?!\()", lambda use: f'"{named[use[1]]}"',
                      "".join(text_of(file) for file in self.product))
        code = {name for function in ("describe", "describe_queue") for arguments in calls(text, function)
                for name in re.findall(r'^"(\w+)"', arguments[0])}
        # A stage's queue and a dispatcher's have the name of their role.
        code.update(re.findall(r'make_stage_tree\(\s*parts,\s*\{\s*"(\w+)"', text))
        self.assertIn(".role = role_name::dispatcher_of(", text)
        code.update(named[name] for name in re.search(r"dispatcher_of\(.*?\? (\w+) : (\w+);", roles, re.S).groups())
        table = re.search(r"^## Every queue.*?^## ", text_of("ARCHITECTURE.md"), re.M | re.S)[0]
        rows = re.findall(r"^\| (`[^|]*) \|", table, re.M)
        self.same_rows(code, {name for row in rows for name in quoted(row)}, "ARCHITECTURE.md, Every queue")

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
