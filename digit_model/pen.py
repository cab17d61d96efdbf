"""A procedural pen: writes digits in many schools' shapes, and shapes that are no digits, each time a little otherwise.

MNIST's writers learnt to write in American schools. Here a 1 may have a long upstroke or a foot, a 7 be crossed, a 0
slashed. A shape is a line of text: points "x,y" in a box of 100 x 100 with y pointing down, joined by a smooth curve;
"*" behind a point makes it a corner, "|" lifts the pen.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from digit_model import sketch

NOT_A_DIGIT = 10  # the label of what is no digit
SIDE = sketch.LONGER_SIDE * sketch.FINE  # pixels: the longer side that a shape is drawn at
CURVE_STEPS = 6  # straight pieces from one point to the next

DIGITS = (
    (  # 0
        "50,0 15,22 8,60 28,95 60,98 88,68 86,30 50,0",
        "60,2 25,12 10,50 25,92 55,100 82,75 88,35 65,5 40,6",
        "45,0 20,15 12,50 20,85 48,100 76,85 84,50 74,14 42,3 30,18",
        "40,5 75,8 90,45 75,90 40,100 12,75 10,35 38,4",
        "50,0 30,20 25,55 35,90 52,100 68,85 74,45 66,15 50,0",
        "50,0 12,25 10,70 45,100 85,75 88,28 50,0 | 85,5 15,95",
        "50,0 12,25 10,70 45,100 85,75 88,28 50,0 | 100,0 0,100",
        "50,0 12,25 10,70 45,100 85,75 88,28 50,0 | 72,22 28,80",
        "55,5 20,15 10,55 30,95 65,95 90,60 80,15 52,3 | 98,-8 5,108",
        "60,5 25,10 8,55 30,98 70,92 90,45 70,8 55,4 70,20* 22,88",
        "50,0 15,22 8,60 28,95 60,98 88,68 86,30 50,0 | 15,15 85,88",
        "88,2 60,8 22,18 8,58 28,95 62,98 88,65 84,28 56,5 30,10",
        "50,20 26,30 20,58 46,80 76,62 78,34 50,20 | 74,-18 30,116",
        "50,22 28,34 26,62 50,78 74,62 72,36 50,22 | 60,-20 44,120",
        "54,14 22,24 14,60 44,86 80,66 82,30 54,14 | 108,-16 -8,118",
        "70,10 30,5 8,50 35,98 80,85 90,40 60,8 28,24",
        "50,26 32,40 30,58 48,72 66,60 66,40 50,26 | 66,-14 36,112",
    ),
    (  # 1
        "50,0 50,100",
        "56,0 50,50 46,100",
        "38,14* 54,0* 54,100",
        "30,25* 55,0* 54,100",
        "18,42* 56,0* 55,100",
        "5,55* 56,0* 55,100",
        "0,62 35,30 60,0* 58,100",
        "30,22* 55,0* 55,100 | 28,100 82,99",
        "15,40* 55,0* 55,100 | 25,100 85,100",
        "55,0 55,100 | 30,100 80,98",
        "35,20* 55,0* 55,98* 30,99* 82,98",
        "25,20 38,16 52,2* 54,50 52,100",
        "30,12 46,10 56,2 56,30 54,100",
        "22,28 35,8 52,2 56,20 54,100",
        "35,22* 58,0* 52,80 56,98 72,92",
        "56,0 54,60 58,96 74,98",
        "42,18 58,0 40,100",
    ),
    (  # 2
        "10,25 25,4 55,0 82,18 76,42 40,74 5,98* 92,96",
        "12,20 45,0 80,14 78,40 45,72 8,96* 50,94 95,98",
        "8,30 20,6 52,0 82,20 70,50 30,84 12,98 10,86 28,80 55,96 92,92",
        "10,28 28,4 60,0 80,20 68,52 35,86 10,96 8,82 26,78 48,92 75,100 98,84",
        "10,8* 85,4* 8,98* 90,96",
        "15,12 50,0 80,10 75,35 20,92 12,98 30,90 60,92 80,100 98,94",
        "28,30 12,22 22,4 52,0 80,16 74,44 38,76 8,98* 92,96",
        "32,22 18,28 14,12 40,0 74,8 78,34 46,70 10,96 30,88 60,98 94,90",
        "5,22 40,2 78,16 62,58 12,98* 92,98",
        "22,20 60,2 88,22 62,60 20,84 2,96 10,100 30,88 60,92 96,100",
        "8,18 40,0 72,12 70,45 40,78 20,99 70,97 95,90",
        "30,32 14,20 26,2 60,2 72,24 46,62 20,92 8,82 30,70 66,96 95,82",
        "36,26 22,34 16,16 44,0 66,14 56,46 24,88 8,94 14,78 40,86 84,96",
        "14,30 10,12 40,0 66,16 50,52 14,96* 70,92",
    ),
    (  # 3
        "12,12 45,0 78,14 70,38 38,46* 78,56 84,84 48,100 8,90",
        "10,8 55,0 80,20 58,42 36,46 66,50 86,74 62,98 8,94",
        "10,2* 85,2* 40,40* 78,48 86,76 52,100 8,90",
        "8,4* 82,0* 38,44 76,50 84,84 40,102 5,88",
        "14,14 50,0 78,18 60,42 40,48 46,38 58,48 84,70 70,96 32,100 6,86",
        "15,10 60,0 76,22 52,44 30,48 34,38 52,46 82,66 74,94 38,100 10,90",
        "20,18 28,2 66,2 80,22 50,46* 88,64 78,94 36,100 12,80",
        "12,14 48,0 76,18 52,46* 82,60 80,100 55,118 12,110",
        "28,24 14,14 44,0 78,16 66,40 42,46* 80,56 82,86 46,100 12,88 24,76",
    ),
    (  # 4
        "12,0 10,50* 88,48 | 70,10 68,100",
        "22,0 6,58* 92,56 | 62,28 58,100",
        "8,0 12,40 30,54 62,50 80,38 | 84,0 80,100",
        "10,0 8,30 24,48 52,46 78,28* 84,0* 78,100",
        "62,0* 5,66* 95,66 | 66,0 66,100",
        "64,0* 5,68* 92,64 | 68,30 64,100",
        "66,100* 66,0* 4,68* 96,68",
        "58,0 4,66* 95,62 | 72,34 58,100",
        "15,0 10,55* 55,55 95,52 | 58,0 52,100",
        "12,0 5,44 18,56 86,50* 84,2* 76,100",
        "66,2* 12,56* 10,66* 94,60 | 72,40 62,100",
        "20,0* 4,46* 60,48* 66,0* 62,100",
        "50,0 20,30 4,62* 40,62 90,58 | 50,44 44,100",
        "30,0 8,60 90,56 | 60,20 55,100",
    ),
    (  # 5
        "85,2* 20,2* 14,42* 50,36 84,54 80,88 42,100 8,90",
        "18,2* 14,42* 52,36 84,56 78,90 40,100 6,88 | 18,2 86,0",
        "22,4* 12,48* 48,42 80,60 74,92 34,100 4,92 | 20,6 90,2",
        "90,6 50,2 22,10 20,34 56,46 80,66 68,94 34,100 8,90",
        "88,0* 30,4* 22,40* 60,44 78,70 56,98 10,98",
        "82,4 36,4 16,24 42,44 76,58 78,86 44,100 8,88",
        "84,0* 18,6* 22,44 60,40 86,62 66,96 24,100 10,84 24,80",
        "30,0* 18,42 44,34 70,46 72,80 40,100 5,96 | 28,2 74,0",
        "80,0* 24,0* 10,50* 70,40 90,70 60,105 0,100",
        "85,0* 26,4* 30,30* 62,34 82,60 60,96 5,94",
        "20,8* 22,36* 60,40 74,68 46,98 4,92 | 20,6 84,-4",
        "92,0* 30,2* 24,34* 66,30 84,56 54,92 6,82",
    ),
    (  # 6
        "70,2 30,20 10,60 22,94 58,100 80,78 66,56 34,58 14,74",
        "62,0 24,30 10,70 30,98 66,94 78,70 54,54 22,64 12,80",
        "80,8 56,0 24,22 10,64 28,98 66,96 80,72 58,54 26,62 14,80",
        "52,0 18,44 12,80 40,100 72,86 66,60 38,58 16,76",
        "30,0 18,50 16,86 42,100 70,84 64,62 40,60 20,76",
        "72,0 26,36 12,76 38,102 72,84 58,60 28,66 26,90",
        "66,6 50,0 30,14 14,52 22,92 50,100 74,82 62,60 32,66 18,84",
        "84,0* 40,14 12,56 18,92 56,100 78,80 62,60 22,72",
        "45,0 10,55 12,92 55,98 78,72 66,50",
        "60,0 28,48 24,90 58,100 76,80 44,68",
        "30,0 8,56 18,96 66,94 82,66 58,58 44,78",
    ),
    (  # 7
        "8,4* 88,2* 34,100",
        "10,2* 86,0* 56,46 44,100",
        "10,2* 86,0* 48,100 | 36,52 84,50",
        "8,18* 10,2* 88,2* 40,100 | 32,54 80,48",
        "6,20* 10,2* 90,0* 46,100",
        "5,10 30,0 55,8 90,2* 60,45 42,100",
        "4,18 14,2 40,8 88,2* 50,100 | 36,52 82,50",
        "12,0* 80,2* 66,40 62,100",
        "14,4* 84,0* 50,44 30,100 | 20,46 88,42",
        "18,24 20,4* 84,4* 70,40 40,100",
        "12,6 60,4 82,8 74,30 48,100 | 34,50 86,52",
        "10,4* 88,2* 38,98* 20,98* 60,96",
        "2,30* 12,2* 90,2* 40,60 36,100",
    ),
    (  # 8
        "72,10 44,0 18,18 40,42 76,66 68,94 36,100 16,80 36,54 74,24 70,8",
        "50,46 20,26 40,2 70,6 74,30 50,46 20,70 30,98 66,98 80,72 50,46",
        "50,0 24,16 34,40 50,46 70,36 74,12 50,0 | 50,46 18,62 22,94 52,100 82,86 78,58 50,46",
        "84,4 46,0 20,18 44,42 74,64 70,96 34,102 14,80 34,56 68,32 86,2",
        "70,16 50,2 24,14 34,36 62,56 72,84 48,100 22,86 30,62 62,36 74,20",
        "30,4 20,24 46,44 74,68 62,98 28,96 20,72 50,44 76,20 60,0 30,4",
        "78,12 50,0 22,20 52,44 82,74 54,100 18,82 42,54 70,36 84,18 94,2",
        "40,0 20,20 44,44 60,26 42,0 | 46,44 16,66 30,100 66,96 72,62 46,44",
        "20,8 70,92 50,102 24,88 74,20 60,0 32,2 20,8",
        "70,20 40,5 25,25 60,50 80,80 50,100 20,85 40,55 60,40",
        "60,8 34,0 22,20 50,42 72,66 56,98 24,90 26,62 52,44 66,26",
    ),
    (  # 9
        "80,16 48,0 18,20 26,48 58,50 80,22* 76,100",
        "78,20 52,0 20,14 20,44 50,52 78,26* 66,70 46,100",
        "80,18 50,0 18,22 30,50 64,46 80,18* 80,70 64,98 28,98 14,84",
        "78,14 44,2 18,26 38,50 72,40 80,12* 84,68 58,102 16,92",
        "82,10 46,0 16,24 34,48 72,36 80,10 82,60 60,98 20,96",
        "76,22 56,2 26,10 20,36 46,48 74,28 78,10 72,60 40,100",
        "70,2 30,4 16,30 44,46 74,20* 70,60 72,100",
        "74,24 46,42 18,28 30,2 66,2 76,24 70,60 56,100",
        "80,14 46,0 18,20 30,46 66,40 80,14 84,70 72,110 36,116 22,98 50,84",
        "84,0* 44,4 16,24 34,46 70,34 84,0* 72,100",
        "50,0 22,14 28,42 56,44 74,20 54,0 | 74,18 70,100",
        "70,10 40,2 20,20 36,38 70,28 84,50 70,90 30,98 8,80",
        "76,14 44,4 28,18 44,32 74,22 86,54 68,96 26,100 6,78 24,70",
        "74,6 36,2 18,34 52,40 76,8* 66,100",
        "80,0* 30,14 16,40 50,44 78,6* 70,100",
    ),
)

OTHERS = (
    "0,100* 45,0* 90,100 | 20,62 70,62",  # A
    "0,100 20,40 45,0 65,40 85,100 | 12,62 76,60",
    "0,100* 40,0* 85,100* 62,60* 14,62",
    "0,0* 0,100* 30,98 | 0,0 70,0 | 0,50 55,50 | 0,100 72,100",  # E
    "75,0* 2,0* 0,100* 78,100 | 0,50 60,48",
    "70,8 30,0 6,22 40,46* 4,72 24,100 72,92",
    "0,0 0,100 | 0,0 75,0 | 0,48 58,48",  # F
    "80,0* 5,2* 2,100 | 3,50 55,48",
    "0,0 0,100 | 75,0 75,100 | 0,50 75,50",  # H
    "5,0 0,100 | 80,0 72,100 | 2,55 78,45",
    "0,0 0,100 | 70,0 0,52* 75,100",  # K
    "5,0 0,100 | 80,4 4,55 | 20,46 78,100",
    "0,100* 8,0* 50,70* 92,0* 100,100",  # M
    "0,100* 0,0* 48,55* 96,0* 96,100",
    "0,100* 0,0* 75,100* 75,0",  # N
    "0,100* 5,0* 70,98* 78,2",
    "0,100* 0,0* 60,4 68,30 4,48* 72,100",  # R
    "0,0 0,100 | 0,2 60,4 66,36 2,50 | 22,50 74,100",
    "0,0* 25,100* 50,20* 75,100* 100,0",  # W
    "0,0 12,90 32,98 50,30* 62,98 86,90 100,0",
    "0,0 80,100 | 80,0 0,100",  # X
    "4,0 70,100 | 84,4 0,96",
    "0,100* 0,0* 62,4 64,40 2,50",  # P
    "0,0* 2,98* 75,98",  # L
    "0,0 4,74 36,100 72,76 76,0",  # U
    "0,0* 38,100* 78,0",  # V
    "38,0 38,100 | 0,0 80,0",  # T
    "0,0* 40,50* 80,0 | 40,50 40,100",  # Y
    "0,0 0,100 | 0,62 30,44 58,58 60,100",  # h
    "0,40 0,100 | 0,58 28,40 44,60 44,100 | 44,60 72,40 88,60 88,100",  # m
    "0,0 4,60 30,70 50,60 54,0 | 54,0 56,70 70,74",  # u
    "74,10 40,0 20,30 22,100 | 0,40 60,40",  # f
    "50,0 50,100 | 0,50 100,50",  # +
    "20,0 10,100 | 70,0 60,100 | 0,32 90,32 | 0,68 90,68",  # #
    "50,0 50,100 | 5,25 95,75 | 95,25 5,75",  # *
    "0,0* 100,0 | 0,60* 100,60",  # =
    "80,0* 0,0* 45,50* 0,100* 84,100",  # Sigma
    "0,6 90,0 | 22,4 20,100 | 68,4 70,100",  # pi
    "10,0 30,20 80,100 | 44,40 0,100",  # lambda
    "0,0 2,50 40,66 78,50 80,0 | 40,0 40,100",  # Psi
    "20,100 30,80 0,40 48,0 96,40 66,80 76,100",  # Omega
    "50,0* 0,100* 100,100* 50,0",  # triangle
    "50,25 30,0 0,20 10,55 50,100* 90,55 100,20 70,0 50,25",  # heart
    "50,0* 80,100* 0,36* 100,36* 20,100* 50,0",  # star
    "0,100* 0,45* 50,0* 100,45* 100,100* 0,100 | 38,100* 38,68* 62,68* 62,100",  # house
    "50,0 6,24 6,76 50,100 94,76 94,24 50,0 | 32,36 33,40 | 66,36 67,40 | 26,66 50,80 74,66",  # face
    "50,0 34,14 50,28 66,14 50,0 | 50,28 50,66* 24,100 | 50,66 78,100 | 16,44 86,44",  # a little man
    "50,50 58,44 62,56 46,64 34,48 50,28 78,44 70,84 30,84 10,46 40,4 90,20",  # spiral
    "0,20* 18,80* 36,20* 54,80* 72,20* 90,80",  # zigzag
    "0,50 15,20 30,50 45,80 60,50 75,20 90,50",  # wave
    "0,50 100,50 | 70,20* 100,50* 70,80",  # arrow
    "0,0 0,30 | 50,0 50,30 | 0,70 25,90 55,70",  # a smile
    "50,60 10,50 20,10 50,20 80,8 92,48 50,60 30,100 50,96 54,62",  # flower
)


@cache
def _parsed(shape):
    """A shape's strokes, each a list of smooth parts: arrays (k, 2), k at least 2, in units of the box."""
    return [_parts(stroke.split()) for stroke in shape.split("|")]


def _parts(words):
    points = [[float(number) / 100 for number in word.rstrip("*").split(",")] for word in words]
    corners = [0, *(n for n in range(1, len(words) - 1) if words[n].endswith("*")), len(words) - 1]
    return [np.array(points[a : b + 1]) for a, b in pairwise(corners)]


def _curve(points):
    """The Catmull-Rom spline (E. Catmull and R. Rom, 1974) through float (k, 2) points: float (m, 2)."""
    if len(points) == 2:
        return points[0] + np.linspace(0, 1, CURVE_STEPS)[:, None] * (points[1] - points[0])
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, start, end, after = (padded[n : len(points) - 1 + n, None] for n in range(4))
    t = np.arange(CURVE_STEPS)[None, :, None] / CURVE_STEPS
    curve = start + t / 2 * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def write(shape, rng):
    """A shape written once, by a hand of its own.

    Args:
        shape: a line of DIGITS or OTHERS.
        rng: a numpy.random.Generator, which decides on slant, proportions, wavering, tremor and more.

    Returns:
        A list of strokes, float (m, 2): points (x, y), y pointing down, in units of the shape's box, roughly.
    """
    waver, shift = rng.uniform(0, 0.05), rng.uniform(0, 0.035)
    strokes = []
    for parts in _parsed(shape):
        moved, last = [], None
        for part in parts:
            points = part + rng.normal(0, waver, part.shape)
            if last is not None:
                points[0] = last
            last = points[-1]
            moved.append(_curve(points))
        strokes.append(_ended(np.concatenate(moved) + rng.normal(0, shift, 2), rng))
    return _bent(strokes, rng)


def _ended(stroke, rng):
    """A stroke that runs on a little, or back over itself, at either end, now and then with a hook there."""
    for _ in range(2):
        stroke = stroke[::-1]
        step = stroke[-1] - stroke[-2]
        length = np.hypot(*step) or 1.0
        stroke = np.append(stroke, stroke[-1:] + step / length * rng.uniform(-0.04, 0.06), axis=0)
        if rng.random() < 0.07:
            stroke = np.append(stroke, stroke[-1:] + rng.normal(0, 0.05, 2), axis=0)
    return stroke


def _bent(strokes, rng):
    """Strokes slanted, turned, stretched, bent like soft paper, and with the tremor or the steps of a mouse."""
    turn, slant = rng.normal(0, np.deg2rad(6)), np.tan(np.deg2rad(rng.uniform(-15, 30)))
    stretch = np.exp(rng.normal(-0.2, 0.25))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])
    wave, phase = rng.normal(0, 0.6, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    bend, tremor = rng.uniform(0, 0.07), max(rng.normal(0, 0.008), 0)
    grid = 1 / rng.uniform(10, 30) if rng.random() < 0.15 else 0
    bent = []
    for stroke in strokes:
        points = stroke @ matrix.T
        points = points + bend * np.sin(2 * np.pi * points @ wave.T + phase) + rng.normal(0, tremor, points.shape)
        bent.append(np.round(points / grid) * grid if grid else points)
    return bent


def render(strokes, pen):
    """Strokes in MNIST's form, by the same steps that a drawing on the page takes.

    Args:
        strokes: a list of float (m, 2), in any unit.
        pen: its width, as a share of the drawing's longer side.

    Returns:
        uint8 (28, 28), 0 paper to 255 ink.
    """
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    radius = max(pen * SIDE / 2, 1.0)
    scale = (SIDE - 2 * radius) / max((high - low).max(), 1e-6)
    size = np.ceil((high - low) * scale + 2 * radius + 1).astype(int)
    page = Image.new("L", tuple(size.tolist()))
    brush = ImageDraw.Draw(page)
    for stroke in strokes:
        path = (stroke - low) * scale + radius
        brush.line([tuple(point) for point in path.tolist()], fill=255, width=round(2 * radius))
        for x, y in path.tolist():
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    ink = np.asarray(page)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = sketch.crop(ink, (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
    return sketch.normalize(sketch.resize(cut))


def scribble(rng):
    """Strokes of nothing in particular: some straight lines, or one long line that wanders about."""
    if rng.random() < 0.4:
        return [rng.uniform(0, 1, (2, 2)) for _ in range(rng.integers(3, 8))]
    points = rng.uniform(0, 1, (rng.integers(7, 30), 2))
    return _bent([_curve(points) if rng.random() < 0.7 else points], rng)


def digit(label, rng):
    """Strokes of a digit, 0 to 9, in one of its shapes; see `write`."""
    return write(DIGITS[label][rng.integers(len(DIGITS[label]))], rng)


def other(rng):
    """Strokes that are no digit: a letter, a picture, a scribble, or two digits side by side."""
    kind = rng.random()
    if kind < 0.65:
        return write(OTHERS[rng.integers(len(OTHERS))], rng)
    if kind < 0.85:
        return scribble(rng)
    left, right = (digit(label, rng) for label in rng.integers(0, 10, 2))
    gap = max(stroke[:, 0].max() for stroke in left) - min(stroke[:, 0].min() for stroke in right)
    return [*left, *(stroke + np.array([gap + rng.uniform(0.1, 0.4), 0]) for stroke in right)]


def page(label, seed):
    """One image of a digit, or of something else for NOT_A_DIGIT; the same seed gives the same image.

    Returns:
        uint8 (28, 28), 0 paper to 255 ink.
    """
    rng = np.random.default_rng(seed)
    strokes = other(rng) if label == NOT_A_DIGIT else digit(label, rng)
    return render(strokes, np.exp(rng.uniform(np.log(0.03), np.log(0.2))))
