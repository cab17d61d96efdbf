"""Any picture of a digit comes back in MNIST's form, and what is no such picture is refused in one sentence."""

import io

import numpy as np
import pytest
from drawings import STROKES, difference, draw, photograph
from PIL import Image

from digit_model import sketch
from digit_model.dataset import load_mnist
from digit_model.sketch import PictureError, open_picture, prepare

DIGITS = pytest.mark.parametrize("digit", STROKES)


@pytest.fixture(scope="module")
def mnist():
    return load_mnist("test").images


@pytest.fixture(scope="module")
def seven():
    return draw(7)


def centre_of_mass(image):
    rows, columns = np.indices(image.shape)
    return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()


def box(image):
    """Height and width of what is inked."""
    rows, columns = np.nonzero(image > 64)
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def assert_one_sentence(refusal):
    text = str(refusal.value)
    assert text[0].isupper()
    assert text.endswith(".")
    assert ". " not in text
    assert "\n" not in text


# MNIST's form


@DIGITS
def test_the_digit_is_20_pixels_long_and_its_centre_of_mass_is_the_centre(digit):
    image = prepare(draw(digit, height=150, place=(20, 230), pen=14)).normalize
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() == 255
    assert image[0, 0] == 0
    assert max(box(image)) == pytest.approx(20, abs=1)
    assert centre_of_mass(image) == pytest.approx((14, 14), abs=0.75)  # half a pixel, and what rounding adds


@pytest.mark.parametrize(("width", "height"), [(200, 200), (200, 100), (60, 300), (300, 60)])
def test_height_to_width_is_kept(width, height):
    page = np.full((400, 400), 255, np.uint8)
    page[40 : 40 + height, 50 : 50 + width] = 0
    page[60 : 20 + height, 70 : 30 + width] = 255  # a frame, for a filled square would be a dot
    tall, wide = box(prepare(page).normalize)
    longer = max(width, height)
    assert (tall, wide) == pytest.approx((20 * height / longer, 20 * width / longer), abs=1)


@DIGITS
@pytest.mark.parametrize("place", [(12, 12), (300, 40), (33, 250), (310.5, 257.5)])
def test_a_digit_moved_is_the_same(digit, place):
    here = prepare(draw(digit, height=120, pen=14, place=(150, 130))).normalize
    there = prepare(draw(digit, height=120, pen=14, place=place)).normalize
    # Nothing, for a whole number of pixels; by half of one, a stroke can fall on two columns instead of one.
    assert difference(there, here) <= (0.5 if place[0] % 1 == 0 else 10)


# Different digits are 30 or more apart: see test_the_tolerances_tell_digits_apart.
@DIGITS
@pytest.mark.parametrize(("share", "tolerance"), [(0.05, 14), (0.08, 8), (0.2, 8), (0.5, 4), (0.8, 4), (1, 4)])
def test_a_digit_scaled_is_the_same(digit, share, tolerance):
    pen = 400 * share / 12
    height = 400 * share - pen
    scaled = draw(digit, height, (200 - 0.3 * height, 200 - 0.5 * height), pen)
    assert difference(prepare(scaled).normalize, prepare(draw(digit)).normalize) <= tolerance


@DIGITS
@pytest.mark.parametrize(("pen", "tolerance"), [(6, 6), (10, 6), (16, 6), (28, 6), (34, 13)])
def test_a_digit_drawn_with_another_brush_is_the_same(digit, pen, tolerance):
    drawn = prepare(draw(digit, height=262 - pen, pen=pen)).normalize
    usual = prepare(draw(digit)).normalize
    assert difference(drawn, usual) <= tolerance
    assert centre_of_mass(drawn) == pytest.approx(centre_of_mass(usual), abs=1.1)
    assert box(drawn) == pytest.approx(box(usual), abs=2)


def test_the_tolerances_tell_digits_apart():
    images = {digit: prepare(draw(digit)).normalize for digit in STROKES}
    apart = [difference(images[a], images[b]) for a in images for b in images if a < b]
    assert min(apart) > 2 * 10


def test_a_thin_brush_is_made_as_wide_as_mnists():
    widths = [sketch.stroke_width(prepare(draw(2, pen=pen)).normalize) for pen in (3, 6, 12)]
    assert widths == pytest.approx([sketch.PEN] * 3, abs=0.4)


@pytest.mark.parametrize("zoom", [1, 10])
def test_mnists_own_images_come_back_nearly_themselves(mnist, zoom):
    for image in mnist[:40]:
        again = prepare(np.kron(image, np.ones((zoom, zoom), np.uint8))).normalize
        assert difference(again, image) < 14
        assert centre_of_mass(again) == pytest.approx(centre_of_mass(image), abs=1.1)


def test_dark_on_light_and_light_on_dark_are_the_same(seven):
    dark, light = prepare(seven), prepare(255 - seven)
    assert difference(dark.normalize, light.normalize) < 1
    assert dark.invert.max() > 200
    assert dark.crop[-1, -1] == dark.resize[-1, -1] == 255  # these two have the picture's own colours
    assert light.crop[-1, -1] == light.resize[-1, -1] == 0


def test_the_stages_lead_from_one_to_the_next(seven):
    stages = prepare(seven)
    assert stages.crop.shape == pytest.approx((262, 166), abs=2)
    assert stages.resize.shape == (28, 28)
    assert (stages.invert == 255 - stages.resize).all()
    assert (stages.normalize == sketch.normalize(stages.invert)).all()
    assert all(stage.dtype == np.uint8 for stage in (stages.crop, stages.resize, stages.invert, stages.normalize))


def test_faint_ink_is_stretched_to_full_strength(seven):
    assert prepare(np.uint8(200 + seven // 5)).normalize.max() == 255


def test_the_picture_is_not_changed(seven):
    before = seven.copy()
    prepare(seven)
    assert (seven == before).all()


# Nothing to read


def dot(radius, shade=0):
    y, x = np.mgrid[:400, :400]
    return np.where((x - 180) ** 2 + (y - 210) ** 2 <= radius**2, shade, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        *(np.full((300, 400), shade, np.uint8) for shade in (0, 130, 255)),
        np.full((1, 1), 0, np.uint8),
        np.uint8(250 - draw(7) // 51 * 2 % 12),
        dot(2),
        dot(11),
        dot(40),
        np.zeros((50, 60, 4), np.uint8),
        np.random.default_rng(0).integers(235, 255, (300, 400)).astype(np.uint8),
        photograph(np.full((300, 400), 255, np.uint8), shadow=0, table=0),
        photograph(np.full((300, 400), 255, np.uint8), shadow=0.4, table=0, falloff=0.2),
    ],
    ids=[
        *("black", "grey", "white", "one pixel", "smudge", "speck", "dot", "large dot", "transparent", "noise"),
        *("photo of paper", "photo of paper in a shadow"),
    ],
)
def test_nothing_drawn_is_blank(picture):
    stages = prepare(picture)
    assert stages.blank
    assert stages.normalize.shape == stages.resize.shape == (28, 28)
    assert not stages.normalize.any()
    assert (stages.resize == 255).all()


def test_a_digit_is_not_blank(seven):
    assert not prepare(seven).blank
    assert not prepare(draw(1, height=30, pen=3)).blank


# Modes and dtypes


def palette(picture):
    return picture.convert("RGB").quantize(16)


def transparent_palette(picture):
    picture = picture.point(lambda value: 255 * (value > 127)).convert("P")
    picture.info["transparency"] = 255
    return picture


def on_glass(picture, ink):
    """The picture's ink in one shade, on nothing: RGBA."""
    clear = Image.new("RGBA", picture.size, (ink, ink, ink, 0))
    clear.putalpha(picture.point(lambda value: 255 - value))
    return clear


MODES = {
    **{mode: lambda picture, mode=mode: picture.convert(mode) for mode in ("L", "LA", "RGB", "RGBA", "1", "I", "F")},
    "CMYK": lambda picture: picture.convert("RGB").convert("CMYK"),
    "YCbCr": lambda picture: picture.convert("RGB").convert("YCbCr"),
    "I;16": lambda picture: Image.fromarray(np.asarray(picture).astype(np.uint16) * 257),
    "P": palette,
    "P, transparent": transparent_palette,
    "RGBA, dark ink on nothing": lambda picture: on_glass(picture, 0),
    "RGBA, white ink on nothing": lambda picture: on_glass(picture, 255),
    "RGBA, premultiplied": lambda picture: on_glass(picture, 0).convert("RGBa"),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_is_read_alike(seven, mode):
    picture = MODES[mode](Image.fromarray(seven))
    assert difference(prepare(picture).normalize, prepare(seven).normalize) < 3


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image > 127,
        lambda image: image.astype(np.uint16) * 257,
        lambda image: image.astype(int),
        lambda image: (image / 255).astype(np.float32),
        lambda image: image / 255,
        lambda image: image.astype(np.float64),
        lambda image: image[..., None],
        lambda image: np.dstack([image, np.full_like(image, 255)]),
        lambda image: np.dstack([image] * 3),
        lambda image: np.dstack([image / 255] * 4),
        lambda image: np.dstack([image.astype(np.uint16) * 257] * 3),
        lambda image: np.asfortranarray(image),
        lambda image: np.repeat(image, 2, 1)[:, ::2],
    ],
    ids=[
        *("bool", "uint16", "int", "float32 to 1", "float64 to 1", "float to 255", "(h, w, 1)", "grey and alpha"),
        *("RGB", "RGBA float", "RGB uint16", "Fortran order", "strided"),
    ],
)
def test_an_array_of_any_dtype_is_read_alike(seven, convert):
    assert difference(prepare(convert(seven)).normalize, prepare(seven).normalize) < 3


# Photos


@DIGITS
@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"shadow": 0, "table": 0},
        {"shadow": 0.65},
        {"falloff": 0.8, "shadow": 0},
        {"grain": 15},
        {"paper": 100},
        {"ink": 0.6},
        {"ink": 0.75, "shadow": 0.3, "grain": 3},
        {"lines": 0.2},
        {"lines": 0.5},
    ],
    ids=str,
)
def test_a_photo_is_the_same_as_the_drawing(digit, conditions):
    drawing = draw(digit, height=460, place=(380, 160), pen=40, page=(1000, 800))
    photo = prepare(photograph(drawing, **conditions))
    assert difference(photo.normalize, prepare(drawing).normalize) <= 10


@DIGITS
def test_a_thin_pen_on_squared_paper_is_the_same_as_the_drawing(digit):
    drawing = draw(digit, height=460, place=(380, 160), pen=14, page=(1000, 800))
    assert difference(prepare(photograph(drawing, lines=0.5)).normalize, prepare(drawing).normalize) <= 10


@pytest.mark.parametrize(
    "conditions",
    [{"shadow": 0}, {"falloff": 0, "shadow": 0, "grain": 2}, {"falloff": 0.3, "shadow": 0.4}],
    ids=["uneven light", "even light", "half in shadow"],
)
def test_a_sheet_on_a_table_is_read_and_not_taken_for_ink(conditions):
    drawing = draw(4, height=250, place=(420, 260), pen=24, page=(1000, 800))
    photo = photograph(drawing, table=0, **conditions)
    photo[:120] = photo[680:] = photo[:, :200] = photo[:, 820:] = 40
    assert difference(prepare(photo).normalize, prepare(drawing).normalize) <= 10


def test_chalk_in_a_shadow_is_read():
    drawing = draw(5, height=460, place=(380, 160), pen=40, page=(1000, 800))
    photo = photograph(drawing, ink=3, paper=70, table=0)
    assert difference(prepare(photo).normalize, prepare(drawing).normalize) <= 10


def test_other_marks_in_a_photo_are_left_out():
    drawing = draw(2, height=460, place=(380, 160), pen=40, page=(1000, 800))
    alone = prepare(photograph(drawing, table=0)).normalize
    beside = drawing.copy()
    beside[60:72, 60:72] = 0  # a speck
    beside[200:260, 940:] = 0  # what is cut by the edge
    assert difference(prepare(photograph(beside, table=0)).normalize, alone) < 2


def test_a_drawing_in_a_black_frame_is_read(seven):
    framed = np.pad(seven, 40, constant_values=0)
    assert difference(prepare(framed).normalize, prepare(seven).normalize) <= 10


def test_ruled_paper_in_even_light_is_left_out(seven):
    ruled = seven.copy()
    ruled[30::40] = np.minimum(ruled[30::40], 170)
    assert difference(prepare(ruled).normalize, prepare(seven).normalize) <= 10


# Files


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_file_is_opened(seven, tmp_path, kind):
    path = tmp_path / "digit"
    Image.fromarray(seven).save(path, kind)
    for source in (path, str(path), path.read_bytes()):
        assert difference(prepare(open_picture(source)).normalize, prepare(seven).normalize) < 3


def test_a_jpeg_is_turned_as_its_exif_says(seven):
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it upright
    Image.fromarray(np.rot90(seven)).save(file, "JPEG", exif=exif, quality=95)
    assert difference(prepare(open_picture(file.getvalue())).normalize, prepare(seven).normalize) < 3


def test_the_first_frame_of_an_animation_is_read(seven):
    file = io.BytesIO()
    frames = [Image.fromarray(draw(digit)) for digit in (0, 1)]
    Image.fromarray(seven).save(file, "GIF", save_all=True, append_images=frames)
    assert difference(prepare(open_picture(file.getvalue())).normalize, prepare(seven).normalize) < 3


def jpeg(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"seven", "not a picture"),
        (lambda: b"", "not a picture"),
        (lambda: png(Image.fromarray(draw(7)))[:300], "damaged"),
        (lambda: jpeg(draw(7))[:900], "damaged"),
        (lambda: png(Image.new("1", (20_000, 20_000))), "64 million pixels"),
        (lambda: png(Image.new("1", (9_000, 9_000))), "9,000 x 9,000"),
        (lambda: bytes(sketch.MAX_FILE_BYTES + 1), "10 MB"),
    ],
    ids=["text", "empty", "cut PNG", "cut JPEG", "400 million pixels", "81 million pixels", "over 10 MB"],
)
def test_a_file_that_is_no_picture_is_refused_in_one_sentence(tmp_path, make, words):
    path = tmp_path / "digit.png"
    path.write_bytes(make())
    with pytest.raises(PictureError, match=words) as refusal:
        prepare(open_picture(path))
    assert_one_sentence(refusal)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_picture(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((0, 0)), "0 x 0"),
        (np.zeros((0, 5, 3), np.uint8), "5 x 0"),
        (np.zeros((20, 20, 5), np.uint8), r"\(20, 20, 5\)"),
        (np.zeros(20, np.uint8), r"\(20,\)"),
        (np.zeros((2, 20, 20, 3), np.uint8), "array"),
        (np.full((20, 20), np.nan), "not numbers"),
        (np.full((20, 20), np.inf), "not numbers"),
        (np.full((20, 20, 3), 300.0), "300"),
        (np.full((20, 20, 3), -0.5), "-0.5"),
        (np.full((20, 20), -1), "-1"),
        (np.full((20, 20), 70_000), "70000"),
        (np.full((20, 20), 1j), "complex"),
        (np.array([["a", "b"]]), "numbers"),
        (np.array([[object()]]), "object"),
        ("digit.png", "array"),
        (None, "array"),
        ({"image": 1}, "array"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "20,000 x 20,000"),
        (np.broadcast_to(np.float32(0), (20_000, 20_000, 3)), "20,000 x 20,000"),
        (Image.new("1", (20_000, 20_000)), "20,000 x 20,000"),
        (Image.new("L", (0, 7)), "0 x 7"),
    ],
    ids=[
        *("empty", "no rows", "5 channels", "a line", "a batch", "NaN", "infinite", "over 255", "under 0"),
        *("negative", "over 65,535", "complex", "letters", "objects", "a string", "None", "a dictionary"),
        *("huge", "huge float", "huge picture", "empty picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(picture, words):
    with pytest.raises(PictureError, match=words) as refusal:
        prepare(picture)
    assert_one_sentence(refusal)


def test_a_ragged_list_is_refused_in_one_sentence():
    with pytest.raises(PictureError) as refusal:
        prepare([[1, 2], [3]])
    assert_one_sentence(refusal)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 5)])
@pytest.mark.parametrize("values", ["flat", "noise"])
def test_a_tiny_picture_does_no_harm(shape, values):
    pixels = np.random.default_rng(0).integers(0, 256, shape) if values == "noise" else np.zeros(shape)
    assert prepare(pixels.astype(np.uint8)).normalize.shape == (28, 28)


def test_the_shortcuts_shrink_the_page_and_stretch_the_ink():
    whole, stretched = sketch.shortcuts(draw(1, height=200, place=(20, 40)))
    assert whole.shape == stretched.shape == (28, 28)
    assert 0 < np.count_nonzero(whole > 64) < 60
    rows, columns = np.flatnonzero((stretched > 64).any(1)), np.flatnonzero((stretched > 64).any(0))
    assert (np.ptp(rows), np.ptp(columns)) == (27, 27)


def test_an_empty_page_has_no_shortcuts():
    assert sketch.shortcuts(np.full((300, 300), 255, np.uint8)) is None
