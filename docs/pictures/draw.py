#!/usr/bin/env python3
"""Draws the pictures of the documents: `docs/pictures/draw.py` writes the SVGs beside it.

The output is the same for the same script; tests/tidy_test.py compares it with what is committed.
Text stays text, so that it can be searched and read aloud, and a picture has a card of its own
colour behind it, dark where the reader's browser is."""

import html
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
STYLE = """
text { font-family: "DejaVu Sans", Verdana, sans-serif; font-size: 12px; fill: #1f2933; }
.title { font-size: 13px; font-weight: bold; }
.small { font-size: 10.5px; fill: #52606d; }
.card { fill: #ffffff; stroke: #d5dbe1; }
.box { fill: #f3f6f9; stroke: #7b8794; stroke-width: 1.2; }
.actor { fill: #e3f0fb; stroke: #3178b5; stroke-width: 1.2; }
.supervisor { fill: #fdf1dc; stroke: #b7791f; stroke-width: 1.2; }
.disk { fill: #e5f5ea; stroke: #2f855a; stroke-width: 1.2; }
.maybe { stroke-dasharray: 5 3; }
.line { fill: none; stroke: #7b8794; stroke-width: 1.2; }
.records { fill: none; stroke: #3178b5; stroke-width: 2; }
.answers { fill: none; stroke: #2f855a; stroke-width: 2; stroke-dasharray: 6 4; }
.records-head { fill: #3178b5; }
.answers-head { fill: #2f855a; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; }
  .small { fill: #a8b2bd; }
  .card { fill: #161b22; stroke: #30363d; }
  .box { fill: #21262d; stroke: #8b949e; }
  .actor { fill: #12283c; stroke: #58a6dd; }
  .supervisor { fill: #33270f; stroke: #d9a441; }
  .disk { fill: #12291c; stroke: #56b37f; }
  .records { stroke: #58a6dd; }
  .answers { stroke: #56b37f; }
  .records-head { fill: #58a6dd; }
  .answers-head { fill: #56b37f; }
}
"""
NARROW, WIDE = "iljt.,:;'|!()[] fr", "mwMW@%…→"


def width(text, size):
    """An upper bound of a line's width in the widest of the fonts."""
    def of(c):
        if c in NARROW:
            return 0.42
        return 1.0 if c in WIDE else 0.72 if c.isupper() else 0.635
    return sum(map(of, text)) * size


class Picture:
    def __init__(self, wide, high, title):
        self.wide, self.high = wide, high
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}"'
            f' height="{high}" role="img">',
            f"<title>{html.escape(title)}</title>",
            "<defs>" + "".join(
                f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
                f' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
                f'<path class="{kind}-head" d="M0,0 L8,4 L0,8 z"/></marker>'
                for kind in ("records", "answers")) + "</defs>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{wide - 1}" height="{high - 1}" rx="8"/>']

    def text(self, x, y, words, kind="", anchor="start"):
        size = {"title": 13 * 1.08, "small": 10.5}.get(kind, 12)
        wide = width(words, size)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[anchor]
        assert left >= 4 and left + wide <= self.wide - 4, f"does not fit: {words}"
        mark = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text{mark} x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(words)}</text>')

    def box(self, x, y, wide, high, kind, title, *lines, maybe=False):
        """A box with its title and small lines, all of them centred."""
        for words, size in [(title, 14)] + [(line, 10.5) for line in lines]:
            assert width(words, size) <= wide - 6, f"too wide for its box: {words}"
        dashed = " maybe" if maybe else ""
        self.parts.append(f'<rect class="{kind}{dashed}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="5"/>')
        top = y + (high - 15 - 14 * len(lines)) / 2 + 12
        self.text(x + wide / 2, round(top, 1), title, "title", "middle")
        for number, line in enumerate(lines):
            self.text(x + wide / 2, round(top + 16 + 14 * number, 1), line, "small", "middle")

    def path(self, kind, *points, head=True):
        way = " ".join(f"{'ML'[at > 0]}{x},{y}" for at, (x, y) in enumerate(points))
        end = f' marker-end="url(#{kind})"' if head else ""
        self.parts.append(f'<path class="{kind}" d="{way}"{end}/>')

    def svg(self):
        return "\n".join(self.parts) + "\n</svg>\n"


def tree():
    rows = [
        (0, "root", "supervisor", "one_for_one: a child that dies is started again, alone"),
        (1, "registry", "actor", "once a second: rates and depths into the live tree"),
        (1, "persist", "supervisor", "one_for_one over partitions"),
        (2, "partition-0", "supervisor", "rest_for_one: a journal that dies takes its sink along"),
        (3, "journal", "actor", "appends, syncs, answers; own thread, a second for its segments"),
        (3, "sink", "actor", "follows the journal into the sink; own thread"),
        (1, "dead-letters", "actor", "follows the journal into the dead-letter store; own thread"),
        (1, "cluster", "supervisor", "one_for_all; only in a cluster"),
        (2, "links", "actor", "peers, heartbeats, windows; peers' batches until their receipt"),
        (2, "to-persister", "actor", "on workers: to whom a batch's key belongs among those that take work"),
        (2, "to-worker", "actor", "on gateways: this node while its queue is short, else the freest window"),
        (1, "transform", "supervisor", "one_for_one: stage and workers find each other by role"),
        (2, "workers", "supervisor", "one_for_one: worker-1 … worker-M, a thread each"),
        (2, "stage", "actor", "queue; owns what its workers hold"),
        (1, "validate", "supervisor", "workers and stage, as transform"),
        (1, "gateway", "actor", "started last, stopped first: opens and closes admission"),
    ]
    step, wide, indent, note = 34, 128, 34, 282
    drawn = Picture(800, 34 + step * len(rows) + 30, "The supervision tree of a node")
    parents = {}
    for number, (depth, name, kind, says) in enumerate(rows):
        x, y = 18 + indent * depth, 18 + step * number
        if depth:
            above = parents[depth - 1]
            drawn.path("line", (18 + indent * (depth - 1) + 16, above + 26),
                       (18 + indent * (depth - 1) + 16, y + 13), (x, y + 13), head=False)
        parents[depth] = y
        maybe = name in ("cluster", "links", "to-persister", "to-worker")
        drawn.box(x, y, wide, 26, kind, name, maybe=maybe)
        drawn.text(note, y + 17, says)
    bottom = 18 + step * len(rows) + 8
    drawn.box(18, bottom, 100, 24, "supervisor", "supervisor")
    drawn.box(128, bottom, 70, 24, "actor", "actor")
    drawn.text(212, bottom + 16, "dashed: only in a cluster. Started from top to bottom, stopped from bottom to top.",
               "small")
    return drawn


def record():
    drawn = Picture(900, 286, "The way of a record, and of its answer")
    y, high = 70, 84
    boxes = [
        (16, 96, "box", "client", ["CSV, JSON,", "log lines"]),
        (152, 122, "actor", "I/O thread", ["reads, cuts at", "records, makes", "a batch"]),
        (314, 118, "actor", "validate", ["each record is", "JSON and fits", "its schema"]),
        (472, 118, "actor", "transform", ["the steps of", "the stream"]),
        (630, 112, "disk", "journal", ["one write and", "one fdatasync", "for a commit"]),
        (782, 102, "disk", "sink", ["SQLite, files,", "PostgreSQL"]),
    ]
    for x, wide, kind, name, lines in boxes:
        drawn.box(x, y, wide, high, kind, name, *lines)
    for (x, wide, *_), (after, *_) in zip(boxes, boxes[1:]):
        drawn.path("records", (x + wide, y + 42), (after - 1, y + 42))
    drawn.path("records", (373, y), (373, 40), (686, 40), (686, y - 1))
    drawn.text(530, 32, "one worker does both when it is quicker", "small", "middle")
    drawn.path("answers", (686, y + high), (686, 196), (213, 196), (213, y + high + 1))
    drawn.text(450, 189, "receipt: on disk, with a verdict for each record", "small", "middle")
    drawn.path("answers", (180, y + high), (180, 196), (64, 196), (64, y + high + 1))
    drawn.text(122, 214, "2xx, 429 or 503", "small", "middle")
    drawn.box(772, 206, 112, 54, "disk", "dead letters", "what was not", "stored, and why")
    drawn.path("records", (720, y + high), (720, 233), (771, 233))
    drawn.path("records", (24, 250), (64, 250))
    drawn.text(72, 254, "records", "small")
    drawn.path("answers", (140, 250), (180, 250))
    drawn.text(188, 254, "answers; until theirs, batches stay with whoever sent them", "small")
    return drawn


def cluster():
    drawn = Picture(900, 316, "A batch and its receipt in a cluster")
    heads = ((58, "HTTP"), (222, "gateways"), (444, "workers"), (666, "persisters"), (832, "one store"))
    for x, words in heads:
        drawn.text(x, 26, words, "title", "middle")
    drawn.box(14, 116, 88, 60, "box", "clients", "any gateway", "will do")
    nodes = [(146, 152, "gateway", ["I/O threads keep a", "batch until its receipt", "to-worker"]),
             (368, 152, "worker", ["validate, transform", "keeps nothing", "to-persister"]),
             (590, 152, "persister", ["journal, dead letters", "sink"])]
    for x, wide, name, lines in nodes:
        for number, y in ((1, 44), (2, 166)):
            drawn.box(x, y, wide, 84, "disk" if name == "persister" else "actor", f"{name}-{number}", *lines)
    drawn.box(782, 116, 104, 60, "disk", "PostgreSQL", "a batch's key", "counts once")
    drawn.path("records", (102, 136), (124, 136), (124, 86), (145, 86))
    drawn.path("records", (102, 156), (124, 156), (124, 208), (145, 208))
    for left in (298, 520):
        for y in (72, 194):
            drawn.path("records", (left, y), (left + 69, y))
            drawn.path("answers", (left + 70, y + 32), (left + 1, y + 32))
        drawn.path("records", (left, 116), (left + 69, 178))
        drawn.path("records", (left, 178), (left + 69, 116))
    drawn.path("records", (742, 86), (762, 86), (762, 136), (781, 136))
    drawn.path("records", (742, 208), (762, 208), (762, 156), (781, 156))
    drawn.path("records", (24, 276), (64, 276))
    drawn.text(72, 280, "batches, over links of mutual TLS, never more than the receiver's window", "small")
    drawn.path("answers", (24, 298), (64, 298))
    drawn.text(72, 302, "receipts, the same way back: durable, or, for ack: stored, in the sink. "
               "A link that is lost gives its batches to another node.", "small")
    return drawn


def credit():
    drawn = Picture(900, 210, "Records go from left to right, credit from right to left")
    y, high = 20, 74
    boxes = [
        (14, 92, "box", "client", ["TCP: the body", "stays here"]),
        (140, 104, "actor", "session", ["body unread", "without a claim"]),
        (278, 120, "actor", "admission", ["budget_bytes,", "batches_in_flight,", "delay_max"]),
        (432, 104, "actor", "stages", ["queue is never", "below the credit"]),
        (570, 92, "actor", "workers", ["ask when they", "are idle"]),
        (696, 92, "disk", "journal", ["bytes_max", "on disk"]),
        (822, 64, "disk", "sink", ["own pace"]),
    ]
    for x, wide, kind, name, lines in boxes:
        drawn.box(x, y, wide, high, kind, name, *lines)
    for (x, wide, *_), (after, *_) in zip(boxes, boxes[1:]):
        drawn.path("records", (x + wide, y + 24), (after - 1, y + 24))
    below = y + high
    drawn.path("answers", (732, below), (732, 126), (354, 126), (354, below + 1))
    drawn.text(543, 120, "the receipt gives the claim back", "small", "middle")
    drawn.path("answers", (320, below), (320, 126), (192, 126), (192, below + 1))
    drawn.text(256, 142, "a claim, or 503", "small", "middle")
    drawn.path("answers", (600, below), (600, 108), (500, 108), (500, below + 1))
    drawn.path("answers", (854, below), (854, 156), (338, 156), (338, below + 1))
    drawn.text(640, 150, "journal full: admission closes, and opens again at nine tenths", "small", "middle")
    drawn.path("records", (24, 186), (64, 186))
    drawn.text(72, 190, "records", "small")
    drawn.path("answers", (140, 186), (180, 186))
    drawn.text(188, 190, "credit: nobody sends what the next one did not ask for", "small")
    return drawn


def gather():
    drawn = Picture(760, 216, "When an I/O thread sends small requests")
    drawn.box(14, 66, 92, 44, "box", "request")
    drawn.box(146, 56, 176, 64, "actor", "window", "fewer batches under way", "than coalesce_window?")
    drawn.box(414, 20, 150, 44, "box", "send")
    drawn.box(414, 112, 150, 54, "actor", "gather", "requests share", "the next batch")
    drawn.box(628, 112, 118, 54, "actor", "lull", "until its clients", "have asked again")
    drawn.path("records", (106, 88), (145, 88))
    drawn.path("records", (322, 76), (368, 76), (368, 42), (413, 42))
    drawn.text(364, 36, "yes", "small", "end")
    drawn.path("records", (322, 100), (368, 100), (368, 139), (413, 139))
    drawn.text(364, 134, "no", "small", "end")
    drawn.path("records", (564, 139), (627, 139))
    drawn.text(596, 132, "it ends", "small", "middle")
    drawn.path("records", (687, 112), (687, 42), (565, 42))
    drawn.text(640, 36, "as one batch", "small", "middle")
    drawn.path("answers", (489, 196), (489, 167))
    drawn.text(480, 200, "excuse_slow: a batch that takes longer than coalesce_wait counts no more", "small", "end")
    return drawn


PICTURES = {"tree": tree, "record": record, "cluster": cluster, "credit": credit, "gather": gather}


def drawn():
    """The text of each file, by its name."""
    return {f"{name}.svg": picture().svg() for name, picture in PICTURES.items()}


if __name__ == "__main__":
    for name, text in drawn().items():
        (HERE / name).write_text(text, encoding="utf-8")
