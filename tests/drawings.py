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
    picture = Image.new("L", (4 * page[0], 4 * page[1]), 255)
    brush, radius = ImageDraw.Draw(picture), 2 * pen
    for stroke in STROKES[digit]:
        points = [(4 * (height * x + place[0]), 4 * (height * y + place[1])) for x, y in stroke]
        brush.line(points, fill=0, width=round(4 * pen), joint="curve")
        for x, y in points:
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return np.asarray(picture.resize(page, Image.Resampling.BOX))


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
