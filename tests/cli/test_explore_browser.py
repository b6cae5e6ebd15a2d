"""The page in a real browser: what a person does, and what is seen then."""

import io
import os
import shutil

import pytest
from exploring import explorer_of, served
from PIL import Image

api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000  # milliseconds, on a machine that has much to do


def found_browser():
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def page(trained):
    """One page for all tests; what its console says is kept."""
    path = found_browser()
    if path is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    with served(explorer_of(trained)) as address, api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.said, page.asked = [], set()
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.add(request.url))
        page.address = address
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        yield page
        browser.close()


@pytest.fixture(autouse=True)
def quiet_console(page):
    page.said.clear()
    yield
    assert page.said == []
    assert all(url.startswith((page.address, "data:", "blob:")) for url in page.asked)


PICTURE = (
    "(id) => { const c = document.querySelector(`#${id} canvas`); return c && c.toDataURL(); }"
)


def picture(page, place="now"):
    return page.evaluate(PICTURE, place)


def wait_for_another(page, before, place="now"):
    page.wait_for_function(f"([id, was]) => ({PICTURE})(id) !== was", arg=[place, before])


def drag(page, selector, *places):
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    points = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def slider(page, place=0):
    return page.locator("#sliders input[type=range]").nth(place)


def test_the_picture_follows_the_pointer(page):
    before, at = picture(page), slider(page).input_value()
    drag(page, "#map", (0.5, 0.5), (0.2, 0.2))
    wait_for_another(page, before)
    assert slider(page).input_value() != at


def test_a_datum_that_is_chosen_sets_the_sliders(page):
    page.locator("#map").focus()
    page.keyboard.press("Enter")  # the nearest
    page.wait_for_selector("#chosen:not([hidden])")
    assert "label" in page.locator("#chosen-title").inner_text()
    numbers = page.locator("#numbers").inner_text()
    for word in ("ELBO", "log p(x)", "±", "KL"):
        assert word in numbers
    assert picture(page, "reconstruction") == picture(page, "now")


HOLD_ANSWERS = """(path) => {
    const fetched = window.fetch, held = [];
    window.fetch = async (...given) => {
        const answer = await fetched(...given);
        if (given[0] === path) await new Promise((done) => held.push(done));
        return answer;
    };
    window.release = () => { window.fetch = fetched; held.forEach((done) => done()); };
    window.waiting = () => held.length;
}"""
AT_REST = "() => new Promise((done) => setTimeout(done, 200))"  # every answer there is, read


def test_a_late_answer_to_a_move_does_not_lead_back_from_a_datum(page):
    page.evaluate(HOLD_ANSWERS, "decode")
    slider(page).focus()
    page.keyboard.press("PageUp")  # one move: after another, its answer would be the last
    page.wait_for_function("() => window.waiting() > 0")
    page.locator("#map").focus()
    page.evaluate("() => { document.querySelector('#chosen-title').innerText = ''; }")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#chosen-title').innerText !== ''")
    page.evaluate("() => window.release()")
    page.evaluate(AT_REST)
    assert picture(page, "reconstruction") == picture(page, "now")


def test_a_late_answer_of_a_datum_does_not_lead_back_from_a_move(page):
    page.evaluate(HOLD_ANSWERS, "encode")
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.waiting() > 0")
    before = picture(page)
    slider(page).focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    wait_for_another(page, before)
    at = slider(page).input_value()
    page.evaluate("() => window.release()")
    page.evaluate(AT_REST)
    assert slider(page).input_value() == at
    assert picture(page, "reconstruction") != picture(page, "now")


def test_the_keyboard_moves_a_slider_and_the_map(page):
    one = slider(page)
    one.focus()
    before, value, said = picture(page), one.input_value(), one.get_attribute("aria-valuetext")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    wait_for_another(page, before)
    assert float(one.input_value()) > float(value)
    assert one.get_attribute("aria-valuetext") != said
    page.locator("#map").focus()
    before = picture(page)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    wait_for_another(page, before)


def test_everything_that_can_be_moved_has_a_name(page):
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, canvas[tabindex]")]
            .filter((e) => !e.labels?.length && !e.ariaLabel && !e.textContent.trim()
                && !e.getAttribute("aria-labelledby")).map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("#where[aria-live=polite]").count() == 1
    assert page.get_by_role("slider", name="z1", exact=True).count() == 1
    page.wait_for_function("() => document.getElementById('where').textContent.includes('z1')")


def test_a_drawing_is_encoded(page):
    page.evaluate("() => { document.getElementById('chosen').hidden = true; }")
    drag(page, "#pad", (0.3, 0.2), (0.7, 0.2), (0.4, 0.8))
    page.wait_for_selector("#chosen:not([hidden])")
    assert page.locator("#chosen-title").inner_text() == "Drawing"
    assert "log p(x)" in page.locator("#numbers").inner_text()
    before = picture(page, "datum")
    drag(page, "#pad", (0.2, 0.5), (0.8, 0.5))
    wait_for_another(page, before, "datum")


def test_a_file_is_encoded_and_what_is_none_is_refused_in_words(page):
    content = io.BytesIO()
    Image.linear_gradient("L").save(content, "PNG")
    before = picture(page, "datum")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": content.getvalue()}
    page.locator("#file").set_input_files(file)
    wait_for_another(page, before, "datum")
    page.locator("#file").set_input_files(file | {"buffer": b"<script>alert(1)</script>"})
    page.wait_for_selector("#fault:not([hidden])")
    assert "expected an image" in page.locator("#fault").inner_text()
    assert [line for line in page.said if "400" not in line] == []
    page.said.clear()  # the browser's own note of the refusal


def test_attributes_paths_and_samples(page):
    before = picture(page)
    attribute = page.locator("#attributes input").first
    attribute.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    wait_for_another(page, before)
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.getElementById('chosen-title').textContent !== 'Drawing'"
    )
    drag(page, "#map", (0.5, 0.5), (0.9, 0.9))
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#path button")
    straight = picture(page, "path > :nth-child(4)")
    page.locator("#way").select_option("spherical")
    wait_for_another(page, straight, "path > :nth-child(4)")
    before = picture(page)
    page.locator("#samples button").nth(2).click()
    wait_for_another(page, before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_it_fits(scheme, width, page):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= width
