"""The page in a real browser, through what a person does and sees."""

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from ui.files import ASSETS

SEVEN = [(0.28, 0.25), (0.45, 0.25), (0.7, 0.25), (0.62, 0.45), (0.52, 0.65), (0.45, 0.82)]
SERVER = re.compile("component_server")
ONE = [(0.5, 0.15), (0.5, 0.4), (0.5, 0.6), (0.5, 0.85)]
WINDOWS = {
    "laptop": {"viewport": {"width": 1280, "height": 720}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    "projector": {"viewport": {"width": 2560, "height": 1440}},
    "dark": {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"},
}


@pytest.fixture
def visit(browser, url):
    """Opens the page in a fresh window of WINDOWS; what the page logs as an error fails the test."""
    contexts, errors = [], []

    def opened(window="laptop", grant=()):
        context = browser.new_context(**WINDOWS[window], permissions=list(grant))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.locator("canvas.pad")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def at(page, point):
    box = page.locator("canvas.pad").bounding_box()
    return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]


def pen_down(page, points):
    page.mouse.move(*at(page, points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, point), steps=4)


def draw(page, points):
    pen_down(page, points)
    page.mouse.up()


def digit(page):
    return page.locator(".digit")


def words(page):
    return page.locator("p[role=status]")


def test_the_first_stroke_is_read_before_the_pen_is_lifted(visit):
    page = visit()
    expect(words(page)).to_have_text("Draw a digit.")
    pen_down(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    expect(words(page)).to_contain_text("7")
    expect(page.locator(".winner b")).to_have_text("7")
    page.mouse.up()
    expect(digit(page)).to_have_text("7")


def test_a_cleared_pad_is_blank_at_once_and_draws_again(visit):
    page = visit()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    page.get_by_role("button", name="Clear").click()
    expect(digit(page)).to_have_text("–")
    expect(page.get_by_text("Draw a digit here")).to_be_visible()
    draw(page, ONE)
    expect(digit(page)).to_have_text("1")


def test_undo_and_redo_by_button_and_by_key(visit):
    page = visit()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    page.keyboard.press("Delete")
    expect(digit(page)).to_have_text("–")
    page.keyboard.press("Control+z")
    expect(digit(page)).to_have_text("7")
    page.get_by_role("button", name="Redo").click()
    expect(digit(page)).to_have_text("–")
    page.get_by_role("button", name="Undo").click()
    expect(digit(page)).to_have_text("7")


def test_the_eraser_takes_ink_away(visit):
    page = visit()
    draw(page, ONE)
    expect(digit(page)).to_have_text("1")
    page.keyboard.press("e")
    for _ in range(8):
        page.keyboard.press("]")
    draw(page, [(0.5, 0.05), (0.5, 0.95)])
    expect(digit(page)).to_have_text("–")


def test_a_finger_draws_on_a_phone_and_the_page_stays_put(visit):
    page = visit("phone")
    page.evaluate("window.scrollTo(0, 40)")
    top = page.evaluate("window.scrollY")
    fingers = page.context.new_cdp_session(page)
    for number, point in enumerate(ONE):
        x, y = at(page, point)
        kind = "touchMove" if number else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    expect(digit(page)).to_have_text("1")
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.evaluate("window.scrollY") == top


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_sticks_out_sideways_and_a_projector_needs_no_scrolling(visit, window):
    page = visit(window)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= innerWidth")
    if window != "phone":
        assert page.evaluate(f"{root}.scrollHeight <= innerHeight")


def test_nothing_moves_when_the_answer_comes(visit):
    page = visit()
    boxes = "[...document.querySelectorAll('.sketch *')].filter((e) => !e.closest('svg, .hint, .bar, .answer, img')).map((e) => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height].map(Math.round).join() })"  # noqa: E501
    before = page.evaluate(boxes)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    after = page.evaluate(boxes)
    assert after == before


@pytest.mark.parametrize("window", ["laptop", "dark"])
def test_text_stands_out_from_its_background(visit, window):
    page = visit(window)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    weak = page.evaluate(
        """() => {
          const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
          const texts = [...document.querySelectorAll('h1, h2, p, b, span, figcaption, button')].filter((e) => e.checkVisibility() && !e.disabled && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
          return texts.map((e) => { const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))]; return [e.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]; }).filter(([, ratio]) => ratio < 4.5);
        }"""  # noqa: E501
    )
    assert weak == []


def test_every_stage_is_shown_and_a_pixel_tells_its_number(visit):
    page = visit()
    draw(page, SEVEN)
    for name in ("crop", "resize", "invert", "normalize"):
        expect(page.locator(f"[data-stage={name}]")).to_be_visible()
    page.locator("[data-stage=normalize]").hover(position={"x": 3, "y": 3})
    expect(page.locator(".pixel")).to_have_text("Row 1, column 1: 0 ÷ 255 = 0.00")


def test_an_example_is_read(visit):
    page = visit()
    page.get_by_role("button", name="mnist test image 4444").click()
    expect(digit(page)).to_have_text("9")


def test_a_picture_is_uploaded_and_read(visit):
    page = visit()
    page.locator(".bring input").set_input_files(ASSETS / "examples" / "paper-in-uneven-light.png")
    expect(digit(page)).to_have_text("0")


def test_a_bad_file_gets_a_sentence_and_the_drawing_stays(visit, tmp_path):
    page = visit()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    (tmp_path / "digit.png").write_text("seven")
    page.locator(".bring input").set_input_files(tmp_path / "digit.png")
    expect(words(page)).to_contain_text("not a picture")
    expect(digit(page)).to_have_text("7")
    draw(page, [(0.35, 0.55), (0.7, 0.55)])
    expect(words(page)).to_contain_text("7")


def test_a_file_over_10_mb_gets_a_sentence(visit, tmp_path):
    page = visit()
    (tmp_path / "large.png").write_bytes(bytes(11 * 2**20))
    page.locator(".bring input").set_input_files(tmp_path / "large.png")
    expect(words(page)).to_contain_text("11.0 MB")


def test_a_picture_is_pasted(visit):
    page = visit(grant=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async () => {
          const image = document.querySelector('[aria-label="mnist training image 7777"] img');
          const picture = await (await fetch(image.src)).blob();
          await navigator.clipboard.write([new ClipboardItem({'image/png': picture})]);
        }"""
    )
    page.keyboard.press("Control+v")
    expect(digit(page)).to_have_text("8")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Paste").click()
    expect(digit(page)).to_have_text("8")


def test_the_keyboard_draws(visit):
    page = visit()
    page.locator("canvas.pad").focus()
    for _ in range(14):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(28):
        page.keyboard.press("ArrowDown")
    expect(digit(page)).to_have_text("1")


def test_the_drawing_outlives_a_reload(visit):
    page = visit()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    page.wait_for_function("sessionStorage.getItem('digit-sketchpad')?.includes('points')")
    page.reload()
    expect(digit(page)).to_have_text("7")


def test_a_late_answer_does_not_come_back_on_a_cleared_page(visit):
    page = visit()
    held = []
    page.route(SERVER, lambda route: held.append(route))
    with page.expect_request(SERVER):
        draw(page, SEVEN)
    page.get_by_role("button", name="Clear").click()
    with page.expect_response(SERVER):
        held.pop(0).continue_()
    page.unroute(SERVER)
    expect(digit(page)).to_have_text("–")
    draw(page, ONE)
    expect(digit(page)).to_have_text("1")


def test_a_lost_connection_is_said_and_the_drawing_is_read_when_it_is_back(visit):
    page = visit()
    page.route(SERVER, lambda route: route.abort())
    draw(page, SEVEN)
    expect(words(page)).to_contain_text("lost touch")
    page.unroute(SERVER)
    expect(digit(page)).to_have_text("7", timeout=10_000)


def test_the_page_asks_no_other_host(browser, url):
    context = browser.new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(url)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    context.close()
    foreign = [address for address in asked if not address.startswith((url, "data:", "blob:"))]
    assert len(asked) > 5
    assert foreign == []


@pytest.fixture
def training_page(visit):
    """The Train tab, a 7 drawn, set to a run of some seconds."""
    page = visit()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    page.get_by_role("tab", name="Train").click()
    page.locator("summary", has_text="The learning").click()
    page.get_by_label("Training images", exact=True).fill("6000")
    page.get_by_label("Epochs", exact=True).fill("4")
    return page


def test_a_run_shows_its_curve_and_the_drawing_being_read_and_then_reads_in_the_draw_tab(training_page):
    page = training_page
    page.get_by_label("Epochs", exact=True).fill("8")
    page.evaluate(
        """() => {
          window.bars = new Set();
          window.lengths = new Set();
          new MutationObserver(() => {
            window.bars.add([...document.querySelectorAll('.pinned .percent')].map((e) => e.textContent).join());
            window.lengths.add(document.querySelector('polyline.training')?.points.length ?? 0);
          }).observe(document.querySelector('.train-live'), { childList: true, subtree: true });
        }"""
    )
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".headline")).to_have_text("Run 1 is done.", timeout=60_000)
    assert page.evaluate("window.bars.size") >= 3
    assert page.evaluate("window.lengths.size") >= 3
    expect(page.locator(".verdict")).to_contain_text("of the 10,000 test images")
    expect(page.locator(".cell.right").first).to_be_visible()
    page.get_by_title("× 7 read as 7").click()
    expect(page.locator(".shown-title")).to_contain_text("× 7 read as 7")
    page.get_by_role("tab", name="Draw").click()
    expect(page.locator(".sure")).to_contain_text("run 1")
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="Back to the shipped network").click()
    page.get_by_role("tab", name="Draw").click()
    expect(page.locator(".sure")).to_contain_text("the shipped network")


def test_stop_keeps_the_run_and_a_reload_finds_it(training_page):
    page = training_page
    page.get_by_label("Epochs", exact=True).fill("100")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".headline")).to_contain_text("Epoch", timeout=20_000)
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(".headline")).to_contain_text("Epoch")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".headline")).to_contain_text("was stopped", timeout=20_000)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Epochs", "0", "Epochs takes a whole number from 1 to 100, not 0."),
        ("Learning rate", "abc", "Learning rate takes a number"),
        ("Learning rate", "-1", "Learning rate takes a number"),
        ("Batch size", "5000", "Batch size takes a whole number"),
    ],
)
def test_a_setting_that_cannot_be_gets_a_sentence_at_its_control(training_page, label, value, sentence):
    control = training_page.locator("form").get_by_label(label, exact=True)
    control.fill(value)
    expect(training_page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(control).to_have_attribute("aria-invalid", "true")
    training_page.get_by_role("button", name="Train", exact=True).click()
    expect(training_page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(training_page.locator(".headline")).to_have_text("Nothing is training yet.")


def test_a_network_pooled_away_to_nothing_is_refused_at_its_control(visit):
    page = visit()
    page.get_by_role("tab", name="Train").click()
    page.locator("summary", has_text="The network").click()
    page.get_by_role("combobox", name="Pooling").select_option("max")
    expect(page.get_by_role("alert").filter(has_text="are left there")).to_be_visible()


def test_a_closed_page_ends_its_training(training_page, visitors, monkeypatch):
    page = training_page
    page.get_by_label("Epochs", exact=True).fill("100")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".headline")).to_contain_text("Epoch", timeout=20_000)
    run = visitors.get(page.evaluate("sessionStorage.getItem('digit-visitor')")).latest
    assert run.state == "training"
    monkeypatch.setattr(visitors, "patience", 1)
    page.close()
    run.join(60)
    assert run.state == "stopped"


def test_a_tap_leaves_a_dot_and_two_pens_at_once_both_draw(visit):
    page = visit()
    ink = "[...document.querySelector('canvas.pad').getContext('2d').getImageData(0, 0, 400, 400).data].filter((v, i) => i % 4 == 0 && v < 99).length"  # noqa: E501
    page.mouse.click(*at(page, (0.3, 0.3)))
    page.wait_for_function(f"{ink} > 50")
    page.get_by_role("button", name="Clear").click()
    page.locator("canvas.pad").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    draw(page, SEVEN)
    expect(page.locator("[data-stage=crop]")).to_be_visible()
    page.wait_for_function(f"{ink} > 2000")


H = [[(0.3, 0.15), (0.3, 0.85)], [(0.7, 0.15), (0.7, 0.85)], [(0.3, 0.5), (0.7, 0.5)]]


def test_a_drawing_read_wrongly_is_read_rightly_after_a_correction_and_undo_forgets_it(visit):
    page = visit()
    for stroke in H:
        draw(page, stroke)
    expect(words(page)).to_contain_text("That doesn't look like a digit to me")
    expect(digit(page)).to_have_text("?")
    page.get_by_role("group", name="Wrong?").get_by_role("button", name="8").click()
    expect(digit(page)).to_have_text("8", timeout=20_000)
    expect(page.locator(".lesson")).to_contain_text(
        re.compile(r"now 8 .*MNIST's test images: 9\d\.\d\d % right, now 9\d\.\d\d %")
    )
    expect(page.locator(".sure")).to_contain_text("with 1 correction")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(".pinned .winner")).to_contain_text(re.compile(r"^8"))
    page.get_by_role("tab", name="Draw").click()
    page.locator(".lesson").get_by_role("button", name="Undo").click()
    expect(digit(page)).to_have_text("?", timeout=20_000)
    expect(page.locator(".sure")).to_contain_text("% sure · the shipped network")
    expect(page.locator(".lesson")).to_contain_text("Forgotten again.")


def test_undo_goes_with_the_corrections_from_an_empty_pad_too(visit):
    page = visit()
    draw(page, SEVEN)
    page.get_by_role("group", name="Wrong?").get_by_role("button", name="1").click()
    undo = page.locator(".lesson").get_by_role("button", name="Undo")
    expect(undo).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Clear").click()
    expect(undo).to_be_visible()
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="Back to the shipped network").click()
    expect(page.locator(".reader")).to_have_text("the shipped network")
    page.get_by_role("tab", name="Draw").click()
    expect(undo).to_be_hidden()


def test_an_empty_pad_cannot_be_corrected(visit):
    page = visit()
    for button in page.get_by_role("group", name="Wrong?").get_by_role("button").all():
        expect(button).to_be_disabled()


def test_the_same_drawing_is_read_three_ways_as_one_draws(visit):
    page = visit()
    page.get_by_role("button", name="Why this way?").click()
    expect(page.locator(".ways")).to_contain_text("Why good preprocessing matters")
    pen_down(page, SEVEN)
    answers = page.locator(".ways output")
    expect(answers).to_have_text([re.compile("reads"), re.compile("reads"), re.compile("reads 7")])
    page.mouse.up()
    page.get_by_role("button", name="What the network sees").click()
    expect(page.locator("[data-stage=crop]")).to_be_visible()
    expect(page.locator(".ways")).to_be_hidden()
