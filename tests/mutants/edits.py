"""EDITS: the named small faults in tests/mutants/*.txt, and where each stands in the sources.

usage: edits.py check SOURCE_DIRECTORY | list SOURCE_DIRECTORY | write SOURCE_DIRECTORY OUTPUT

A list has one block for each edit; empty lines separate blocks, `#` begins a comment:

    file cluster/assembler.cpp          all that follow are in this file

    pieces_may_touch @ overlaps(        a name, and if need be the text after which it stands
    - after->first < end                what stands there (white space does not matter)
    + after->first <= end               what stands there instead

    forgets_to_count
    - bytes_ += piece.total;            a statement, and nothing instead
    = equivalent: why no test can tell the two apart

What ends with `;` is taken for a statement, all else for an expression. In place of that, the
new text may say itself what to do: MUTANT is the condition, ORIGINAL what stood there.
"""
import dataclasses
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ("proto", "records", "storage", "cluster", "actors", "http", "app")
HEADER = '#include "tests/mutants/mutant.hpp"\n'


@dataclasses.dataclass
class Edit:
    folder: str
    name: str
    file: str
    anchor: str
    before: str
    after: str
    equivalent: str
    line: int

    @property
    def full_name(self) -> str:
        return f"{self.folder}.{self.name}"

    @property
    def code(self) -> int:
        """FNV-1a of the name: what the switch compares (mutant.hpp)."""
        value = 0xCBF29CE484222325
        for byte in self.full_name.encode():
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return value

    def render(self, original: str) -> str:
        condition = f"::weir::mutant({self.code:#x}ULL)"
        if "MUTANT" in self.after:
            return self.after.replace("MUTANT", condition).replace("ORIGINAL", original)
        if self.before.endswith(";"):
            return f"if ({condition}) {{ {self.after} }} else {{ {original} }}"
        return f"({condition} ? ({self.after}) : ({original}))"


class BadList(Exception):
    pass


def read_block(folder: str, file: str, start: int, lines: list[str]) -> Edit:
    name, _, anchor = lines[0].partition("@")
    parts: dict[str, list[str]] = {"-": [], "+": [], "=": []}
    for line in lines[1:]:
        if line[0] not in parts:
            raise BadList(f"{folder}.txt:{start}: a line of an edit begins with -, + or =")
        parts[line[0]].append(line[1:].strip())
    before, after, said = ("\n".join(parts[sign]) for sign in "-+=")
    if not before or not file:
        raise BadList(f"{folder}.txt:{start}: {name} names no file or replaces nothing")
    if not after and not before.endswith(";"):
        raise BadList(f"{folder}.txt:{start}: {name} has no expression to put there")
    return Edit(folder, name.strip(), file, anchor.strip(), before, after,
                said.removeprefix("equivalent:").strip(), start)


def read_list(folder: str) -> list[Edit]:
    path = HERE / f"{folder}.txt"
    edits: list[Edit] = []
    file, block, start = "", [], 0
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if line.startswith("file "):
            file = line.split()[1]
        elif line.strip():
            start = start if block else number
            block.append(line)
        elif block:
            edits.append(read_block(folder, file, start, block))
            block = []
    return edits


def read_all(folders=FOLDERS) -> list[Edit]:
    edits = [edit for folder in folders if (HERE / f"{folder}.txt").exists()
             for edit in read_list(folder)]
    seen: set[str] = set()
    for edit in edits:
        if edit.full_name in seen:
            raise BadList(f"two edits are called {edit.full_name}")
        seen.add(edit.full_name)
    return edits


def pattern(text: str) -> re.Pattern:
    return re.compile(r"\s+".join(re.escape(word) for word in text.split()))


def place(edit: Edit, text: str) -> tuple[int, int]:
    where = f"{edit.folder}.txt:{edit.line}: {edit.name} has no place in {edit.file} any more"
    begin = 0
    if edit.anchor:
        anchor = pattern(edit.anchor).search(text)
        if not anchor:
            raise BadList(f"{where}: nothing there is called `{edit.anchor}`")
        begin = anchor.start()
    found = [m.span() for m in pattern(edit.before).finditer(text, begin)]
    if not found or (len(found) > 1 and not edit.anchor):
        raise BadList(f"{where}: what it replaces is there {len(found)} times; "
                      "bring the list up to date")
    return found[0]


def rewrite(text: str, edits: list[Edit]) -> str:
    """All edits of one file at once; one may stand inside another's place, or have the same."""
    spans = sorted(((place(edit, text), edit) for edit in edits),
                   key=lambda one: (one[0][0], -one[0][1]))
    if not spans:
        return text

    def render(begin: int, end: int, inner) -> str:
        out, at, i = [], begin, 0
        while i < len(inner):
            (first, last), edit = inner[i]
            within = [one for one in inner[i + 1:] if one[0][0] < last]
            if any(one[0][1] > last for one in within):
                raise BadList(f"{edit.full_name} overlaps {within[0][1].full_name}")
            if within and "MUTANT" in edit.after and "ORIGINAL" not in edit.after:
                raise BadList(f"{edit.full_name} leaves no place for {within[0][1].full_name}; "
                              "put ORIGINAL where that stands")
            out += [text[at:first], edit.render(render(first, last, within))]
            at, i = last, i + 1 + len(within)
        return "".join(out) + text[at:end]

    return render(0, len(text), spans)


def mutated(source: pathlib.Path, edits: list[Edit]) -> dict[str, str]:
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    texts, problems = {file: (source / file).read_text() for file in by_file}, []
    for edit in edits:
        try:
            place(edit, texts[edit.file])
        except BadList as problem:
            problems.append(str(problem))
    if problems:
        raise BadList("\n".join(problems))
    return {file: rewrite(texts[file], of) for file, of in by_file.items()}


def with_header(file: str, text: str) -> str:
    # A header is read by sources that are compiled with warnings on.
    head = f"#pragma once\n#pragma GCC system_header\n{HEADER}" if file.endswith(".hpp") else HEADER
    return head + text


def main() -> None:
    what, source = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        edits = read_all()
        texts = mutated(source, edits)
    except (BadList, OSError) as problem:
        sys.exit(f"mutants: {problem}")
    if what == "list":
        print("\n".join(sorted(texts)))
    elif what == "write":
        output = pathlib.Path(sys.argv[3])
        for file, text in texts.items():
            target = output / file
            target.parent.mkdir(parents=True, exist_ok=True)
            text = with_header(file, text)
            if not target.exists() or target.read_text() != text:
                target.write_text(text)
        for old in [*output.rglob("*.cpp"), *output.rglob("*.hpp")]:
            if str(old.relative_to(output)) not in texts:
                old.unlink()
    else:
        for folder in FOLDERS:
            print(f"{folder}: {sum(edit.folder == folder for edit in edits)} edits")


if __name__ == "__main__":
    main()
