#!/usr/bin/env python3
"""The chat page in a browser: how soon the first answer stands there, its weight, and its pictures for the READMEs.

    python -m scripts.measure.page [--images docs/images] [--language en] [--browser /usr/bin/chromium]

Pictures are made in English and in Chinese, a folder each, or in the language that is named.

Serves the seeds from a store of its own. Each of twenty questions of the development half of seeds/qa.jsonl is asked on
a freshly loaded page; milliseconds are counted in the page, from the key press to the frame that shows the answer.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is asked in the pictures of one language."""

    locale: str
    folder: str  # within that of all pictures
    first: str
    then: str
    unanswered: str
    documents: str  # the button


SCENES = {
    "en": Scene(
        locale="en-GB",
        folder=".",
        first="In which year did Wuhan become a UNESCO City of Design?",
        then="And what was its total tourism income?",
        unanswered="How much is the starting fare of Wuhan's driverless taxis?",
        documents="Documents",
    ),
    "zh": Scene(
        locale="zh-CN",
        folder="zh-CN",
        first="智新科技去年的销量是多少？",
        then="那今年的目标呢？",
        unanswered="智新科技去年的利润是多少亿元？",
        documents="文档",
    ),
}

_TIMED = """
text => new Promise(resolve => {
  const thread = document.getElementById("thread"), question = document.getElementById("question");
  const watching = new MutationObserver(() => {
    if (!thread.querySelector(".sentences, .abstained")) return;
    watching.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)));
  });
  watching.observe(thread, { childList: true, subtree: true });
  question.value = text;
  const started = performance.now();
  question.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
})
"""


@contextmanager
def serving() -> Iterator[str]:
    """The address of `rag serve` over the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "seeds", Path(folder, "seeds"))  # so that sources are cited as they are from the project
        environment = os.environ | {"RAG_STORE": f"{folder}/vectorstore"}
        rag = [sys.executable, "-m", "rag"]
        subprocess.run([*rag, "ingest", "--quiet", "seeds"], cwd=folder, env=environment, check=True)
        process = subprocess.Popen(
            [*rag, "serve", "--port", "0"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()
            process.wait()


def opened(
    browser: Browser, address: str, locale: str, width: int, height: int, scheme: Scheme, scale: float = 1
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale=locale,
        device_scale_factor=scale,
        has_touch=width < 500,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    return page


def put(page: Page, question: str) -> None:
    before = page.locator(".footing, .abstained").count()
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".footing, .abstained").nth(before).wait_for()


def timed(browser: Browser, address: str) -> list[float]:
    lines = map(json.loads, (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines())
    questions = [one["question"] for one in lines if one["split"] == "dev" and not one["history"]]
    times = []
    for question in questions[:: len(questions) // 20][:20]:
        page = opened(browser, address, "zh-CN", 1280, 800, "light")
        times.append(page.evaluate(_TIMED, question))
        page.context.close()
    return times


def pictures(browser: Browser, address: str, folder: Path, scene: Scene) -> None:
    folder = folder / scene.folder
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        page.context.close()

    page = opened(browser, address, scene.locale, 1280, 800, "light")
    put(page, scene.first)
    put(page, scene.then)
    page.locator(".mark").first.click()
    page.locator("mark.here").wait_for()
    page.mouse.move(5, 5)
    keep(page, "page-1280-light")
    page = opened(browser, address, scene.locale, 1280, 800, "dark")
    put(page, scene.unanswered)
    page.get_by_role("button", name=scene.documents, exact=True).click()
    page.locator(".documents li").first.wait_for()
    keep(page, "page-1280-dark")
    page = opened(browser, address, scene.locale, 390, 844, "light", 2)
    put(page, scene.first)
    put(page, scene.then)
    keep(page, "page-390-light")
    page = opened(browser, address, scene.locale, 390, 844, "dark", 2)
    page.locator(".suggestions button").first.wait_for()
    keep(page, "page-390-dark")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=Path, help="write the pictures into this folder")
    options.add_argument("--language", choices=list(SCENES), help="of the pictures")
    options.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    given = options.parse_args()
    if not given.browser:
        sys.exit("No Chromium found; name it with --browser.")
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        for scene in [SCENES[given.language]] if given.language else SCENES.values():
            if given.images:
                pictures(browser, address, given.images, scene)
        times = timed(browser, address)
        browser.close()
    weight = sum(path.stat().st_size for path in (ROOT / "rag" / "server" / "page").iterdir())
    print(f"all files of the page: {weight / 1000:.1f} kB, not compressed")
    print(f"key press to answer: {statistics.median(times):.0f} ms, at worst {max(times):.0f} ms, of {len(times)}")


if __name__ == "__main__":
    main()
