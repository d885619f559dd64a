"""The page in a real browser: a picture, the camera, a training, axe-core, narrow and dark.

Needs `pip install playwright` and Chromium. DEELISH_AXE names axe.min.js of axe-core.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from cli.page.conftest import encoded
from cli.page.serving import served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-sync", "--no-first-run"]
CAMERA = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    rows = "".join(f"{n},{1 / n},{1.1 / n},{1 - 0.5 / n},{1e-3}\n" for n in range(1, 9))
    (folder / "history.csv").write_text(f"epoch,loss,val_loss,val_accuracy,lr\n{rows}")
    run = {"state": "running", "epochs": 10, "networks": {"Small": "1"}}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


@pytest.fixture(scope="module")
def address(files, log):
    with served(files, log=log) as found:
        yield found


@pytest.fixture(scope="module")
def browsers():
    """Chromium with a camera, by whether it has one."""
    with playwright.sync_playwright() as started:
        launch = started.chromium.launch
        yield {
            camera: launch(executable_path=CHROMIUM, args=[*QUIET, *([CAMERA] if camera else [])])
            for camera in (True, False)
        }


@pytest.fixture
def opened(browsers, address):
    """A function that opens the page; every request must go to it, and no error is printed."""
    wrong, contexts = [], []

    def check(url):
        if not url.startswith((address, "blob:", "data:")):
            wrong.append(url)

    def open_page(camera=True, allowed=True, **options):
        context = browsers[camera].new_context(
            permissions=["camera"] if allowed and camera else [], **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: check(request.url))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def give(page):
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": encoded()})
    page.wait_for_selector("article")


def screenshot(page, name):
    folder = os.environ.get("DEELISH_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_a_picture_shows_both_networks_side_by_side(opened, width, dark):
    page = opened(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
    )
    page.check("#attention")
    give(page)
    assert page.locator("article").count() == 2
    assert page.locator("article").first.locator("progress").count() == 5
    assert page.locator("article img").count() == 1
    names = page.locator("article h3").all_inner_texts()
    assert names == ["first.hdf5", "second.onnx"]
    # A label of markup is text.
    assert page.get_by_text("<b>x</b>").count() >= 1
    boxes = [article.bounding_box() for article in page.locator("article").all()]
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width == 1280)
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, f"page-{width}{'-dark' if dark else ''}")


def test_the_camera_is_looked_at_until_it_is_closed(opened):
    page = opened()
    page.click("#camera")
    page.wait_for_selector("article")
    assert page.locator("#video").is_visible()
    screenshot(page, "camera")
    page.click("#camera")
    assert not page.locator("#video").is_visible()
    assert page.locator("#camera").inner_text() == "open the camera"


@pytest.mark.parametrize(
    ("camera", "allowed", "sentence"),
    [
        (True, False, "told not to use the camera"),
        (False, False, "there is no camera; connect one"),
    ],
)
def test_a_camera_that_cannot_be_had_is_one_sentence(opened, camera, allowed, sentence):
    page = opened(camera=camera, allowed=allowed)
    page.click("#camera")
    playwright.expect(page.locator("#message")).to_contain_text(sentence)


def test_a_file_that_is_no_picture_is_one_sentence(opened, browsers, address):
    context = browsers[True].new_context()
    page = context.new_page()
    page.goto(address)
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no"})
    playwright.expect(page.locator("#message")).to_contain_text("the picture: ")
    assert page.locator("article").count() == 0
    context.close()


def test_the_keyboard_reaches_everything(opened):
    page = opened()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached[:5] == ["show-pictures", "show-training", "file", "camera", "attention"]
    page.focus("#show-training")
    page.keyboard.press("Enter")
    page.wait_for_selector("#training svg")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_training_has_curves_and_a_table(opened, width):
    page = opened(viewport={"width": width, "height": 800})
    page.click("#show-training")
    page.wait_for_selector("#training svg")
    assert "Small: running, 8 of 10 epochs" in page.locator("#state").inner_text()
    assert page.locator("#curves svg").count() == 3
    assert page.locator("#epochs tbody tr").count() == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, f"training-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(opened, scheme):
    axe = os.environ.get("DEELISH_AXE")
    if axe is None:
        pytest.skip("DEELISH_AXE names no axe.min.js")
    page = opened(color_scheme=scheme)
    give(page)
    page.evaluate(Path(axe).read_text())
    for view in ("pictures", "training"):
        page.click(f"#show-{view}")
        page.wait_for_timeout(300)
        found = page.evaluate("axe.run()")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
