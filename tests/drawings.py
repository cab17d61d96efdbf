"""Digits drawn, photographed and compared, for the tests."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

STROKES = {  # in a box 0.6 wide and 1 high, y pointing down
    0: [[(0.3 + 0.3 * np.sin(turn), 0.5 - 0.5 * np.cos(turn)) for turn in np.linspace(0, 2 * np.pi, 25)]],
    1: [[(0.1, 0.2), (0.3, 0.0), (0.3, 1.0)]],
    2: [[(0.05, 0.2), (0.15, 0.03), (0.35, 0.0), (0.55, 0.15), (0.5, 0.4), (0.0, 0.95), (0.6, 1.0)]],
    4: [[(0.4, 0.0), (0.0, 0.65), (0.6, 0.6)], [(0.45, 0.4), (0.4, 1.0)]],
    5: [[(0.55, 0.0), (0.1, 0.02), (0.06, 0.42), (0.3, 0.36), (0.56, 0.5), (0.58, 0.78), (0.35, 1.0), (0.0, 0.92)]],
    7: [[(0.0, 0.02), (0.6, 0.0), (0.2, 1.0)]],
}


@cache
def draw(digit, height=240, place=(130, 80), pen=22, page=(400, 400)):
    """A digit of STROKES in black (0) on white (255), anti-aliased: uint8 (h, w). Lengths in pixels, pairs (x, y)."""
    return paint([np.array(stroke) * height + place for stroke in STROKES[digit]], pen, page)


def paint(strokes, pen, page=(400, 400)):
    """Strokes, float (m, 2) in pixels, in black (0) on white (255), anti-aliased: uint8 (h, w)."""
    picture = Image.new("L", (4 * page[0], 4 * page[1]), 255)
    brush, radius = ImageDraw.Draw(picture), 2 * pen
    for stroke in strokes:
        points = [(4 * x, 4 * y) for x, y in stroke]
        brush.line(points, fill=0, width=round(4 * pen), joint="curve")
        for x, y in points:
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return np.asarray(picture.resize(page, Image.Resampling.BOX))


LETTERS = {  # straight strokes in a box 0.7 wide and 1 high: shapes that look like no digit
    "A": [[(0.0, 1.0), (0.33, 0.0), (0.7, 1.0)], [(0.14, 0.64), (0.55, 0.66)]],
    "E": [[(0.62, 0.0), (0.0, 0.02), (0.02, 1.0), (0.66, 0.98)], [(0.02, 0.5), (0.5, 0.48)]],
    "F": [[(0.03, 1.0), (0.0, 0.0), (0.64, 0.02)], [(0.02, 0.46), (0.46, 0.46)]],
    "H": [[(0.0, 0.0), (0.03, 1.0)], [(0.64, 0.0), (0.66, 1.0)], [(0.02, 0.52), (0.65, 0.48)]],
    "K": [[(0.02, 0.0), (0.0, 1.0)], [(0.6, 0.0), (0.02, 0.56)], [(0.2, 0.4), (0.64, 1.0)]],
    "M": [[(0.0, 1.0), (0.06, 0.0), (0.36, 0.66), (0.64, 0.02), (0.7, 1.0)]],
    "N": [[(0.0, 1.0), (0.02, 0.0), (0.6, 1.0), (0.63, 0.0)]],
    "R": [[(0.0, 1.0), (0.02, 0.0), (0.42, 0.03), (0.56, 0.2), (0.44, 0.42), (0.02, 0.5), (0.62, 1.0)]],
    "W": [[(0.0, 0.0), (0.16, 1.0), (0.34, 0.3), (0.52, 1.0), (0.7, 0.0)]],
    "X": [[(0.0, 0.0), (0.64, 1.0)], [(0.62, 0.0), (0.02, 1.0)]],
}
STRANGE = {  # what the pen of digit_model doesn't know, as LETTERS are given
    "Zhe": [[(0.0, 0.0), (0.7, 1.0)], [(0.7, 0.0), (0.0, 1.0)], [(0.35, 0.0), (0.35, 1.0)]],
    "Shcha": [[(0.0, 0.0), (0.0, 0.9), (0.6, 0.9), (0.6, 0.0)], [(0.3, 0.0), (0.3, 0.9)], [(0.6, 0.9), (0.68, 1.0)]],
    "Xi": [[(0.0, 0.0), (0.6, 0.0)], [(0.08, 0.5), (0.52, 0.5)], [(0.0, 1.0), (0.6, 1.0)]],
    "ladder": [[(0.1, 0.0), (0.1, 1.0)], [(0.5, 0.0), (0.5, 1.0)], *([(0.1, y), (0.5, y)] for y in (0.2, 0.5, 0.8))],
    "fish": [[(0.0, 0.5), (0.3, 0.3), (0.6, 0.5), (0.9, 0.25), (0.9, 0.75), (0.6, 0.5), (0.3, 0.7), (0.0, 0.5)]],
    "tree": [
        [(0.35, 1.0), (0.35, 0.0)],
        [(0.15, 0.4), (0.35, 0.2), (0.55, 0.4)],
        [(0.0, 0.75), (0.35, 0.55), (0.7, 0.75)],
    ],
}


def letter(name, rng):
    """A shape of LETTERS or STRANGE, or a "scribble", by one hand: uint8 (400, 400), black on white."""
    if name == "scribble":
        strokes = [rng.uniform(0, 1, (rng.integers(8, 25), 2))]
    else:
        strokes = [np.array(stroke) + rng.normal(0, 0.025, (len(stroke), 2)) for stroke in (LETTERS | STRANGE)[name]]
    turn, slant, wide = np.deg2rad(rng.normal(0, 5)), rng.normal(0.08, 0.12), np.exp(rng.normal(0, 0.15))
    matrix = [[wide * np.cos(turn), -np.sin(turn) - slant], [np.sin(turn), np.cos(turn)]]
    strokes = [stroke @ np.transpose(matrix) for stroke in strokes]
    points, pen, height = np.concatenate(strokes), rng.uniform(8, 34), rng.uniform(120, 300)
    zoom = height / np.ptp(points, axis=0).max()
    place = (400 - np.ptp(points, axis=0) * zoom) / 2 - points.min(0) * zoom
    return paint([stroke * zoom + place for stroke in strokes], pen)


def photograph(drawing, ink=0.25, paper=200, falloff=0.5, shadow=0.5, grain=6, table=0.12, lines=0):
    """A drawing, uint8 (h, w), as a phone would see it on paper.

    ink: how much of the light ink gives back, next to paper. paper: its shade where the light is full.
    falloff, shadow: the share of the light that is lost from left to right, and behind a hard slanted edge.
    grain: standard deviation of the noise. table: the share of the width where a dark table shows.
    lines: how dark the paper's printed squares are, 0 to 1.
    """
    height, width = drawing.shape
    y, x = np.mgrid[:height, :width]
    printed = (x % 40 < 3) | (y % 40 < 3)
    light = (1 - falloff * x / width) * np.where(x + 0.6 * y > 0.75 * width, 1 - shadow, 1)
    shade = paper * (1 - (1 - ink) * (1 - drawing / 255.0)) * (1 - lines * printed)
    shade = np.where(x + 0.15 * y < table * width, 50, shade) * light
    blurred = Image.fromarray(np.uint8(np.clip(shade, 0, 255))).filter(ImageFilter.GaussianBlur(1))
    noise = np.random.default_rng(1).normal(0, grain, drawing.shape)
    return np.uint8(np.clip(blurred + noise, 0, 255))


def difference(image, other):
    """The mean absolute difference of two uint8 (28, 28), 0 to 255, one of them moved by up to a pixel to fit best."""
    moves = [(up, left) for up in (-1, 0, 1) for left in (-1, 0, 1)]
    return min(np.abs(np.roll(image, move, (0, 1)).astype(float) - other).mean() for move in moves)
