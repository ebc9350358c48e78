"""The curves of growth as one SVG: CPU per record over what grows, both logarithmic, written by hand."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 60, 210, 40, 50
COLOURS = ["#1f6feb", "#d1242f", "#1a7f37", "#9a6700"]
NAMES = {"grow_stored": "records stored (SQLite)", "grow_streams": "streams (batches)",
         "grow_connections": "connections (single POSTs)", "grow_connections_batches": "connections (batches)"}


def _decades(low, high):
    return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _scale(ticks, start, length):
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return lambda value: start + (math.log10(value) - low) / max(high - low, 1e-9) * length


def growth(rows):
    curves = {name: rows[name] for name in NAMES if rows.get(name)}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             'font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT}" y="22" font-size="14">CPU per record as work grows (µs)</text>']
    if not curves:
        return "\n".join([*parts, "</svg>\n"])
    points = [p for curve in curves.values() for p in curve]
    xs = _decades(min(p["x"] for p in points), max(p["x"] for p in points))
    ys = _decades(min(p["cpu_us_per_record"] for p in points), max(p["cpu_us_per_record"] for p in points))
    at_x = _scale(xs, LEFT, WIDTH - LEFT - RIGHT)
    at_y = _scale(ys, HEIGHT - BOTTOM, -(HEIGHT - TOP - BOTTOM))
    for x in xs:
        parts.append(f'<line x1="{at_x(x):.1f}" y1="{TOP}" x2="{at_x(x):.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                     f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,.0f}</text>')
    for y in ys:
        parts.append(f'<line x1="{LEFT}" y1="{at_y(y):.1f}" x2="{WIDTH - RIGHT}" y2="{at_y(y):.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for colour, (name, curve) in zip(COLOURS, curves.items()):
        places = [(at_x(p["x"]), at_y(p["cpu_us_per_record"])) for p in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{places[-1][1] + 4:.1f}" fill="{colour}">{NAMES[name]}</text>')
    return "\n".join([*parts, "</svg>\n"])
