#!/usr/bin/env python3
"""Draws scored responses as an SVG: each segment on a color for its score, with score and rating below it.

    gradus quickstart --output quickstart
    gradus data generate --examples 40 --seed 11 -o generated.jsonl
    gradus score quickstart generated.jsonl -o scored.jsonl
    scripts/score_picture.py scored.jsonl synthetic-0 synthetic-5 > docs/scored.svg

The colors run from 0 (orange) to 1 (blue), which can be told apart without seeing red and green.
"""

import json
import sys
from html import escape

WIDTH, MARGIN, CHARACTER = 760, 20, 8.4  # a monospaced character at 14 px
LOW, MIDDLE, HIGH = (244, 165, 105), (247, 247, 247), (130, 180, 226)


def color(score):
    share = min(max(score, 0.0), 1.0)
    start, end, place = (LOW, MIDDLE, 2 * share) if share < 0.5 else (MIDDLE, HIGH, 2 * share - 1)
    return "#" + "".join(f"{round(a + (b - a) * place):02x}" for a, b in zip(start, end))


def draw(record, top, parts):
    parts.append(f'<text x="{MARGIN}" y="{top + 14}" class="label">Prompt</text>')
    parts.append(f'<text x="{MARGIN}" y="{top + 34}" class="text">{escape(record["prompt"])}</text>')
    parts.append(f'<text x="{MARGIN}" y="{top + 60}" class="label">Response</text>')
    x, y = MARGIN, top + 70
    for segment in record["segments"]:
        text = record["response"][segment["start"] : segment["end"]]
        width = max(len(text) * CHARACTER, 11 * CHARACTER) + 14
        if x + width > WIDTH - MARGIN:
            x, y = MARGIN, y + 62
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="28" rx="4" fill="{color(segment["score"])}"/>')
        parts.append(f'<text x="{x + 7:.1f}" y="{y + 19}" class="text">{escape(text)}</text>')
        score, rating = f'{segment["score"]:.2f}'.replace("-", "−"), f'{segment["rating"]:.2f}'
        parts.append(f'<text x="{x + 7:.1f}" y="{y + 45}" class="score"><tspan class="bold">{score}</tspan> (rated {rating})</text>')
        x += max(width, 19 * 7.3) + 8
    return y + 74


def main():
    path, *ids = sys.argv[1:]
    with open(path, encoding="utf-8") as lines:
        records = {record["id"]: record for record in map(json.loads, lines)}
    parts, bottom = [], 10
    for name in ids:
        bottom = draw(records[name], bottom, parts)
    height = bottom - 8
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
          'aria-label="Two responses, each segment colored by its score">')
    print("<style>text{fill:#1f2328}.text{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}"
          ".label{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#59636e}"
          ".score{font:12px system-ui,'DejaVu Sans',sans-serif}.bold{font-weight:700}</style>")
    print(f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff" stroke="#d1d9e0"/>')
    print("\n".join(parts))
    print("</svg>")


if __name__ == "__main__":
    main()
