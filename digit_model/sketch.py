"""From any picture of one digit to MNIST's form, in four steps that can each be shown: crop, resize, invert, normalize.

Every function is pure and works on NumPy arrays; Pillow reads and resizes. The recipe is MNIST's own (LeCun, Cortes and
Burges, "The MNIST database", 1998): the digit scaled, its shape kept, until its longer side is 20 pixels, then laid in
28 x 28 so that its centre of mass is the centre. One step is added: a pen thinner than PEN is widened to it.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

SIZE, LONGER_SIDE, CENTRE = 28, 20, 14  # pixels; MNIST's mean centre of mass is pixel (14.0, 14.0)
PEN = 2.1  # pixels: three in four of MNIST's pens are wider than this, by stroke_width
MAX_FILE_BYTES = 10 * 2**20
MAX_PIXELS = 64_000_000
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # which begins above MAX_PIXELS
WORK_SIDE = 512  # pixels: a larger picture is averaged down to this before its ink is looked for
FINE = 6  # pens are thickened on a grid this many times as fine as the 28 x 28 pixels


class PictureError(ValueError):
    """A picture that can't be read; its message is one sentence for the person who brought it."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """A picture on its way to the network, a stage a field. All are uint8, 0 to 255.

    crop: (h, w), the picture cut to its ink, in its own colours (dark on light, or light on dark), lighting evened.
    resize: (28, 28), the crop with its longer side 20 pixels and its centre of mass in the centre.
    invert: (28, 28), light ink on dark paper, as in MNIST.
    normalize: (28, 28), stretched from 0 (paper) to 255 (the strongest ink): what the network is given.
    blank: True where there is no ink, or no more than a dot; the stages are then empty paper.
    """

    crop: np.ndarray
    resize: np.ndarray
    invert: np.ndarray
    normalize: np.ndarray
    blank: bool


def prepare(picture):
    """A picture of one digit in MNIST's form, with every stage that led there.

    Args:
        picture: a PIL image of any mode, or an array: (h, w), or (h, w, c) with c of 1 (grey), 2 (grey, alpha),
            3 (RGB) or 4 (RGBA); bool, uint8, uint16, another integer from 0 to 65,535, or float from 0 to 1 or
            0 to 255. Any size, ink dark on light or light on dark, paper transparent or photographed.

    Returns:
        A Sketch.

    Raises:
        PictureError: for anything else.
    """
    ink, dark = find_ink(to_grayscale(picture))
    box = bounding_box(ink)
    if box is None:
        empty = np.zeros((SIZE, SIZE), np.uint8)
        return Sketch(invert(empty), invert(empty), empty, empty, blank=True)
    cut = crop(ink, box)
    small = resize(cut)
    own = invert if dark else np.asarray
    return Sketch(own(cut), own(small), small, normalize(small), blank=False)


def shortcuts(picture):
    """A picture in 28 x 28 pixels the two ways that most programs take, to compare with `prepare`.

    Returns:
        (the whole page shrunk, the ink stretched to fill all of it), uint8 (28, 28), light ink on dark paper; or None
        where there is no ink.
    """
    ink, _ = find_ink(to_grayscale(picture))
    box = bounding_box(ink)
    if box is None:
        return None
    return tuple(
        np.asarray(Image.fromarray(part).resize((SIZE, SIZE), Image.Resampling.BOX)) for part in (ink, crop(ink, box))
    )


def open_picture(source):
    """The first frame of a picture file, upright.

    Args:
        source: a path, or the file's bytes.

    Returns:
        A PIL image.

    Raises:
        PictureError: where it is too large, broken, or no picture.
        OSError: where the path can't be read.
    """
    if isinstance(source, (bytes, bytearray)):
        data = bytes(source)
    else:
        with open(source, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PictureError("This file is larger than 10 MB; a smaller picture would do.")
    try:
        with Image.open(BytesIO(data)) as picture:
            _check_size(*picture.size)
            picture.draft("L", (2 * WORK_SIDE, 2 * WORK_SIDE))  # lets a JPEG decode small
            return ImageOps.exif_transpose(picture)
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"This picture is far too large; up to {MAX_PIXELS // 10**6} million pixels would do."
        ) from error
    except UnidentifiedImageError as error:
        raise PictureError("This file is not a picture; a PNG, JPEG, GIF or WebP would do.") from error
    except PictureError:
        raise
    except Exception as error:  # each of Pillow's readers raises its own
        raise PictureError("This picture is damaged and can't be read; try saving or sending it again.") from error


def _check_size(width, height):
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"This picture is {width:,} x {height:,} pixels; up to {MAX_PIXELS // 10**6} million pixels would do."
        )
    if not width * height:
        raise PictureError(f"This picture is {width} x {height} pixels, so there is nothing in it.")


def to_grayscale(picture):
    """The picture (see `prepare`) as uint8 (h, w), 0 black to 255 white, its longer side at most 512 pixels.

    Transparent parts become white paper, or black paper where what is drawn on them is light.
    """
    if not isinstance(picture, Image.Image):
        picture = _from_array(picture)
    _check_size(*picture.size)
    if picture.mode[0] in "IF":  # 16-bit, 32-bit and float
        picture = _from_array(np.asarray(picture))
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBa", "La"):
        picture = picture.convert(picture.mode[:-1] + "A")
    if picture.mode in ("LA", "RGBA"):
        picture = _on_paper(picture)
    elif picture.mode != "L":
        picture = picture.convert("L")
    factor = -(-max(picture.size) // WORK_SIDE)
    return np.asarray(picture.reduce(factor) if factor > 1 else picture)


def _from_array(array):
    """A PIL image (L, LA, RGB or RGBA) of an array (see `prepare`)."""
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise PictureError(
            "A picture is an array (height, width), not a list of lists of different lengths."
        ) from error
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype.kind not in "buif" or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > 4):
        raise PictureError(
            "A picture is an array (height, width) or (height, width, 1 to 4) of numbers, "
            f"not {array.dtype} {array.shape}."
        )
    _check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if not np.isfinite(array).all():
        raise PictureError(
            "This picture has values that are not numbers (NaN or infinite); 0 to 255 or 0 to 1 would do."
        )
    low, high = array.min(), array.max()
    if array.dtype == bool or (array.dtype.kind == "f" and high <= 1):
        white = 1
    elif array.dtype == np.uint16 or (array.dtype.kind in "ui" and high > 255):
        white = 65_535
    else:
        white = 255
    if low < 0 or high > white:
        raise PictureError(f"This picture's values run from {low:g} to {high:g}; 0 to 255 or 0 to 1 would do.")
    return Image.fromarray(np.uint8(np.rint(array * (255 / white))))


def _on_paper(picture):
    """An LA or RGBA picture laid on white paper, or on black where what is drawn is light: mode L."""
    alpha, gray = picture.getchannel("A"), picture.convert("L")
    if alpha.getextrema()[0] == 255:
        return gray
    opaque = np.asarray(alpha, np.float32)
    light = opaque.sum() and (np.asarray(gray) * opaque).sum() / opaque.sum() > 127
    return Image.composite(gray, Image.new("L", picture.size, 0 if light else 255), alpha)


def find_ink(gray):
    """Where the ink is: the paper evened out, whatever its shade or light.

    Args:
        gray: uint8 (h, w), 0 black to 255 white.

    Returns:
        ink: uint8 (h, w), 0 paper to 255 ink; all 0 where nothing stands out from the paper.
        dark: True where the ink is darker than the paper.
    """
    edge = max(min(gray.shape) // 50, 1)
    ring = np.concatenate([gray[:edge].ravel(), gray[-edge:].ravel(), gray[:, :edge].ravel(), gray[:, -edge:].ravel()])
    paper = int(np.median(ring))
    low, high = int(gray.min()), int(gray.max())
    if np.mean(np.abs(ring - float(paper)) <= 8) > 0.7:
        dark = paper - low >= high - paper
        peak = max(paper - low, high - paper)
        ink = _stretch(gray, paper, paper - peak if dark else paper + peak)
        if not _is_sheet(ink):
            return _strongest_marks(_contrast(gray, dark)) if _crosses(ink) else ink, dark
    for picture in (_without_table(gray), gray):
        dark = _is_ink_dark(picture)
        ink = _strongest_marks(_contrast(picture, dark))
        if ink.any():
            break
    return ink, dark


def _stretch(gray, paper, ink):
    """Maps the shade `paper` to 0 and `ink` to 255, faint marks and what is beyond the paper to 0."""
    if abs(ink - paper) < 24:
        return np.zeros_like(gray)
    shades = (np.arange(256) - paper) * (255 / (ink - paper))
    return np.uint8(np.where(shades < 20, 0, np.minimum(shades, 255))).take(gray)


def _is_sheet(ink):
    """Whether the marks in uint8 (h, w) fill what they span and are too broad for a stroke."""
    height, width = _span(ink)
    broad = min(height, width) > 0.2 * min(ink.shape)
    return bool(broad and np.count_nonzero(ink > 64) > 0.7 * height * width)


def _crosses(ink):
    """Whether the marks in uint8 (h, w) go from one side to the other, or nearly, as lines on paper do."""
    height, width = _span(ink)
    return bool(height > 0.96 * ink.shape[0] or width > 0.96 * ink.shape[1])


def _span(ink):
    """Height and width in pixels of the marks in uint8 (h, w), 0 where there are none."""
    marks = ink > 64
    return [np.ptp(np.flatnonzero(marks.any(axis))) + 1 if marks.any() else 0 for axis in (1, 0)]


def _without_table(gray):
    """The photo, uint8 (h, w), the sheet's shades laid over the darker table that shows all round it, if one does."""
    small = _scale(gray, 128)
    level = _otsu(small)
    for paper in (small > _otsu(small[small <= level]), small > level):  # the first has what of the sheet is in shadow
        sheet = _sheet(paper, small)
        if sheet is not None:
            shades = _resized(_spread(_dilate(small, 4), sheet), gray.shape)
            return np.where(_resized(np.uint8(255 * sheet), gray.shape) == 255, gray, shades)
    return gray


def _resized(image, shape):
    """uint8 (h, w) interpolated to another shape."""
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BILINEAR))


def _spread(image, mask):
    """uint8 (h, w): each pixel outside the mask takes the value nearest to it inside, 1 at least."""
    image = np.where(mask, np.maximum(image, 1), 0).astype(np.uint8)
    while not image.all():
        image = np.where(image, image, _grow(image, square=True))
    return image


def _sheet(paper, small):
    """The largest mark of bool (h, w) `paper`, less a margin, or None where it is no whole sheet in `small`."""
    labels = _label(paper)
    bright = labels == np.bincount(labels[paper], minlength=2).argmax()
    sheet = _fill(bright)
    inner, outer = ~_dilate(~sheet, 2), _dilate(sheet, 2)
    sides = sum(bool(side.any()) for side in (sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]))
    height, width = (np.ptp(np.flatnonzero(sheet.any(axis))) + 1 for axis in (1, 0))
    if sides > 1 or bright.sum() < 0.6 * height * width or min(height, width) < 0.2 * min(small.shape):
        return None
    sharp = small[sheet & ~inner].mean() > 1.25 * small[outer & ~sheet].mean()  # a soft edge is the light's
    return inner if sharp and inner.any() else None


def _fill(mask):
    """A bool (h, w) with its holes and bays filled: what lies between marks both in its row and in its column."""
    between = [
        np.logical_or.accumulate(mask, axis) & np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis), axis)
        for axis in (0, 1)
    ]
    return between[0] & between[1]


def _is_ink_dark(gray):
    """Whether what is narrow in uint8 (h, w) is darker than what is round it: a median has edges of light, no lines."""
    tones = Image.fromarray(np.uint8(46 * np.log1p(_scale(gray, 64).astype(float))))  # 46 ln 256 = 255
    ratio = np.subtract(tones, tones.filter(ImageFilter.MedianFilter(19)), dtype=float)
    return bool((ratio * np.abs(ratio)).sum() <= 0)


def _contrast(gray, dark):
    """How far each pixel of uint8 (h, w) is from the paper round it: uint8, 0 (the paper's tone) to 255."""
    image = np.asarray(Image.fromarray(gray).filter(ImageFilter.BoxBlur(1)))
    own = np.asarray if dark else invert
    paper = invert(_dilate(invert(_dilate(own(_scale(image, 128)), 16)), 16))  # fills what is narrower than 32 of 128
    paper = _resized(own(paper), gray.shape)
    less, more = (image, paper) if dark else (paper, image)
    return np.uint8(255 * np.clip(1 - less / np.maximum(more, 1.0), 0, 1))


def _strongest_marks(contrast):
    """The digit in `contrast`, uint8 (h, w), as uint8 ink: its main mark, parted from the lines that run into it."""
    top, left = np.array(contrast.shape) // 8
    middle = contrast[top : contrast.shape[0] - top, left : contrast.shape[1] - left]
    threshold = _otsu(middle)  # a table may show at the edges
    for _ in range(3):
        marks = contrast > threshold
        near = _main_mark(marks)
        strength = contrast[near & marks].mean() if near.any() else 0
        if strength - contrast[~marks].mean() < 30:
            return np.zeros_like(contrast)
        ink = np.uint8(255 * near * np.clip((contrast - threshold / 2) / (strength - threshold / 2), 0, 1))
        if not _crosses(ink):
            break
        threshold = _otsu(contrast[near & marks])  # printed lines are fainter than the pen
    return ink


def _otsu(image):
    """The level that best parts the values of a uint8 image in two (N. Otsu, 1979)."""
    counts = np.bincount(image.ravel(), minlength=256).astype(float)
    below = np.cumsum(counts)
    sums = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return int(np.nanargmax(np.append(between[:-1], 0)))


def _main_mark(marks):
    """The largest of the marks in a bool (h, w) with those near it and what is just round them: bool (h, w).

    A mark cut by the edge (the table, other writing) is the largest only if none inside has a tenth of its area.
    """
    factor = -(-max(marks.shape) // 128)
    rows, columns = (-(-side // factor) for side in marks.shape)
    padded = np.zeros((rows * factor, columns * factor), bool)
    padded[: marks.shape[0], : marks.shape[1]] = marks
    labels = _label(padded.reshape(rows, factor, columns, factor).any((1, 3)))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    inner = areas.copy()
    inner[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    if inner.max() >= 0.1 * areas.max():
        areas = inner
    keep = np.kron(_dilate(_near(labels, areas), 1), np.ones((factor, factor), bool))
    return keep[: marks.shape[0], : marks.shape[1]]


def _near(labels, areas):
    """Where the largest mark is, and those within a quarter of its size that have a tenth of its area: bool (h, w)."""
    main = labels == areas.argmax()
    size = max((np.ptp(places) for places in np.nonzero(main)), default=0)
    reached = np.bincount(labels[_dilate(main, size // 4 + 2)], minlength=len(areas)) > 0
    return (reached & (areas >= max(0.1 * areas.max(), 1)))[labels]


def _label(mask):
    """Numbers the connected marks (8 neighbours) of a bool (h, w): int (h, w), 0 where there is none."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        grown = np.where(mask, _grow(labels, square=True), 0)
        if np.array_equal(grown, labels):
            return np.unique(labels, return_inverse=True)[1].reshape(mask.shape) + (0 if (labels == 0).any() else 1)
        labels = np.append(0, grown)[grown]  # a label is a pixel's number: take that pixel's own, a long step on


def _grow(image, square):
    """Each pixel of (h, w) becomes the largest of its 3 x 3 neighbourhood, or of the plus in it."""
    tall = image.copy()
    np.maximum(tall[1:], image[:-1], out=tall[1:])
    np.maximum(tall[:-1], image[1:], out=tall[:-1])
    source, wide = (tall, tall.copy()) if square else (image, tall)
    np.maximum(wide[:, 1:], source[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], source[:, 1:], out=wide[:, :-1])
    return wide


def _dilate(image, radius):
    """Grey dilation of (h, w) by an octagon, close to a disc, of `radius` pixels."""
    for step in range(radius):
        image = _grow(image, square=step % 2 == 1)
    return image


def bounding_box(ink):
    """The box round the ink, or None where there is no more than a dot.

    Args:
        ink: uint8 (h, w), 0 paper to 255 ink.

    Returns:
        (top, bottom, left, right) in pixels, bottom and right outside; None for no ink, a mark under a fiftieth of
        the page, or a filled round spot.
    """
    marks = ink > 64
    rows, columns = np.flatnonzero(marks.any(1)), np.flatnonzero(marks.any(0))
    if not len(rows):
        return None
    box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    height, width = box[1] - box[0], box[3] - box[2]
    longer = max(height, width)
    spot = crop(marks, box).mean() > 0.7 and longer < 1.5 * min(height, width)
    return None if spot or longer < max(3, max(ink.shape) / 50) else box


def crop(image, box):
    """The part of an image (h, w) inside `box`, as `bounding_box` gives it."""
    top, bottom, left, right = box
    return image[top:bottom, left:right]


def stroke_width(ink):
    """How wide the pen was, in pixels of uint8 `ink` (h, w): twice the area of a stroke over its outline's length."""
    levels = np.pad(ink, 1).astype(np.int16)
    steps = np.abs(np.diff(levels, axis=0)).sum() + np.abs(np.diff(levels, axis=1)).sum()
    return (
        2 * float(levels.sum()) / max(float(steps) * np.pi / 4, 1)
    )  # steps along the grid overcount a curve by 4 / pi


def resize(cut):
    """The cropped ink (h, w) as MNIST holds a digit: longer side 20, a thin pen widened to PEN, centred.

    Args:
        cut: uint8 (h, w), 0 paper to 255 ink, ink on all four sides.

    Returns:
        uint8 (28, 28).
    """
    fine = _scale(cut, LONGER_SIDE * FINE)
    radius = round((PEN * FINE - stroke_width(fine)) / 2)
    if radius > 0:
        fine = _dilate(np.pad(fine, radius), radius)
    return centre(_scale(fine, LONGER_SIDE))


def _scale(image, longer):
    """The image (h, w) area-averaged (or interpolated, if it is smaller) until its longer side is `longer` pixels."""
    height, width = image.shape
    scale = longer / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize(size, method))


def centre(image):
    """The image (h, w), sides at most 20, laid in 28 x 28, its centre of mass on pixel (14, 14) or as near as fits."""
    total = float(image.sum()) or 1.0
    page = np.zeros((SIZE, SIZE), np.uint8)
    place = []
    for axis, side in enumerate(image.shape):
        mass = float(image.sum(axis=1 - axis) @ np.arange(side)) / total
        start = min(max(round(CENTRE - mass), 0), SIZE - side)
        place.append(slice(start, start + side))
    page[tuple(place)] = image
    return page


def invert(image):
    """Light made dark and dark made light: 255 minus each value of a uint8 array."""
    return 255 - image


def normalize(image):
    """The image, uint8 (h, w) with 0 for paper, stretched so that its strongest ink is 255."""
    peak = int(image.max())
    return np.uint8(np.rint(image * (255 / peak))) if peak else image
