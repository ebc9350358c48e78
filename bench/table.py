"""One table: each figure, its baseline, their ratio, the target, and whether it is met."""

MIB = 1 << 20


class _Line:
    def __init__(self, what, weir, baseline, ratio, target, met):
        self.cells = [what, weir, baseline, ratio, target, {True: "yes", False: "NO", None: ""}[met]]


def _thousands(value):
    return f"{value / 1000:,.1f} k/s"


def _more(what, ours, theirs, wanted, whose="Go"):
    """Throughput: at least `wanted` times theirs."""
    ratio = ours / theirs
    return _Line(what, _thousands(ours), f"{whose} {_thousands(theirs)}", f"{ratio:.2f} ×", f"≥ {wanted} ×",
                 ratio >= wanted)


def _less(what, ours, theirs, wanted, unit="µs", whose="Go"):
    """Cost: at most `wanted` times theirs."""
    ratio = ours / theirs
    return _Line(what, f"{ours:.2f} {unit}", f"{whose} {theirs:.2f} {unit}", f"{ratio:.2f}", f"≤ {wanted}",
                 ratio <= wanted)


def _most(what, ours, limit, unit):
    return _Line(what, f"{ours:.2f} {unit}", "", "", f"≤ {limit} {unit}", ours <= limit)


def _batches(found, _):
    go, weir = found["go"], found["weir/null"]
    cost = min(found[sink]["cpu_us_per_record"] for sink in ("weir/null", "weir/file"))
    yield _more("batches of 500, 64 connections", weir["records_per_second"], go["records_per_second"], 3)
    yield _less("  CPU a record, sink null", weir["cpu_us_per_record"], go["cpu_us_per_record"], 0.25)
    yield _less("  CPU a record, sink file", found["weir/file"]["cpu_us_per_record"], go["cpu_us_per_record"], 0.25)
    yield _less("  CPU a record, reading and discarding", found["floor"]["cpu_us_per_record"], cost, 1, whose="weir")
    yield _most("  peak memory", max(weir["peak_mib"], found["weir/file"]["peak_mib"]), 96, "MiB")


def _sustained(found, _):
    go, weir = found["go"], found["weir/sqlite"]
    yield _more("batches into SQLite, sustained", weir["records_per_second"], go["records_per_second"], 1.2)
    yield _less("  CPU a record", weir["cpu_us_per_record"], go["cpu_us_per_record"], 0.5)


def _single(what, throughput, cost):
    def lines(found, _):
        go, weir = found["go"], found["weir/null"]
        yield _more(what, weir["records_per_second"], go["records_per_second"], throughput)
        yield _less("  CPU a record", weir["cpu_us_per_record"], go["cpu_us_per_record"], cost)
        yield _less("  CPU a record, reading and discarding", found["floor"]["cpu_us_per_record"],
                    weir["cpu_us_per_record"], 1, whose="weir")
    return lines


def _latency(found, _):
    half, floor, busy = found["weir/null"], found["floor"], found["busy_floor"]
    yield _less(f"p99 of single POSTs at {half['rate'] / 1000:.1f} k/s, half of capacity", half["p99_ms"],
                floor["p99_ms"], 3, "ms", "fdatasync")
    yield _Line("  the same, beside syncs on cores as busy", f"{half['p99_ms']:.2f} ms",
                f"fdatasync {busy['p99_ms']:.2f} ms", f"{half['p99_ms'] / busy['p99_ms']:.2f}", "", None)
    least = found["durable_floor"]["p99_ms"]
    yield _Line("  the same of one thread that reads, appends, syncs and answers", f"{half['p99_ms']:.2f} ms",
                f"{least:.2f} ms", f"{half['p99_ms'] / least:.2f}", "", None)


def _shapes(found, _):
    yield _most("CSV, CPU a record", found["csv"]["cpu_us_per_record"], 1.5, "µs")
    yield _most("text with combined_log, CPU a record", found["log"]["cpu_us_per_record"], 2.0, "µs")


def _upload(found, _):
    ours, disk, loopback = (found[k]["bytes_per_second"] / MIB for k in ("weir/null", "disk", "loopback"))
    low = min(disk, loopback)
    size = found["weir/null"]["bytes"] / MIB
    yield _Line(f"one upload of {size / 1024:.1f} GiB", f"{ours:.0f} MiB/s",
                f"disk {disk:.0f}, loopback {loopback:.0f}", f"{ours / low:.2f}", "≥ 0.6", ours >= 0.6 * low)
    first, second = (found["weir/null"][f"resident_mib_{half}_half"] for half in ("first", "second"))
    yield _Line("  resident memory, first and second half", f"{first:.0f}, {second:.0f} MiB", "",
                f"{second / first:.2f}", "≤ 1.1", second <= 1.1 * first)


def _acknowledged(found, _):
    f = found["weir/file"]
    yield _Line("acknowledged ids found in the store", f"{f['stored']:,}", f"of {f['acknowledged']:,.0f}", "",
                "all", f["stored"] == f["acknowledged"])


def _idle(found, _):
    yield _most("idle CPU", found["weir/sqlite"]["cpu_percent"], 0.1, "%")


def _ready(found, _):
    yield _most("start to ready, empty store", found["weir/null"]["seconds"] * 1000, 100, "ms")


def _growth(what, unit):
    def lines(points, _):
        costs = [p["cpu_us_per_record"] for p in points]
        spread = max(costs) / costs[0]
        yield _Line(f"CPU a record over {points[0]['x']:,} to {points[-1]['x']:,} {unit}{what}",
                    " ".join(f"{c:.2f}" for c in costs), "", f"{spread:.2f}", "≤ 1.15", spread <= 1.15)
    return lines


def _crowd(found, _):
    ours, go = found["weir/null"], found["go"]
    rate, theirs = ours["records_per_second"], go["records_per_second"]  # theirs may be none at all
    yield _Line("batches over 5,000 connections that ask again at once", _thousands(rate), f"Go {_thousands(theirs)}",
                "", "≥ Go", rate >= theirs)
    yield _Line("  peak memory", f"{ours['peak_mib']:.0f} MiB", f"Go {go['peak_mib']:.0f} MiB", "", "≤ Go",
                ours["peak_mib"] <= go["peak_mib"])
    yield _Line("  CPU a record; refusals for each stored batch",
                f"{ours['cpu_us_per_record']:.2f} µs; {500 * ours['refused'] / ours['records']:.1f}", "", "", "", None)


LINES = {
    "batches": _batches, "sustained": _sustained,
    "single_64": _single("single POSTs, 64 connections", 1.4, 0.55),
    "single_1000": _single("single POSTs, 1,000 connections", 2, 0.4),
    "latency": _latency, "shapes": _shapes, "upload": _upload, "acknowledged": _acknowledged, "idle": _idle,
    "ready": _ready, "grow_stored": _growth("", "records stored"), "grow_streams": _growth("", "streams"),
    "grow_connections": _growth(", single POSTs", "connections"),
    "grow_connections_batches": _growth(", batches", "connections"), "crowd": _crowd,
}


def render(results):
    lines = [["", "weir", "baseline", "ratio", "target", "met"]]
    for name, make in LINES.items():
        if name in results["rows"]:
            lines += [line.cells for line in make(results["rows"][name], results)]
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    head = "{cpu}, {cores} cores, kernel {kernel}, {commit}, {date}".format(**results["machine"])
    return "\n".join([head] + ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines]) + "\n"
