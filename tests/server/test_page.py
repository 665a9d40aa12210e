"""The chat page in Chromium, over `rag serve` with the real models and the seeds."""

import base64
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright

from rag.server.keys import KeyFile
from rag.server.pages import FOLDER
from tests.conftest import FakeEmbedder
from tests.documents.corpus import FACTS, MAKERS, pdf
from tests.server.conftest import SALES, make_settings
from tests.server.running import Running, put_in, served, serving

pytestmark = [pytest.mark.model, pytest.mark.slow]

THEN = "那今年的目标呢？"
UNANSWERED = "武汉无人驾驶出租车的起步价是多少元？"
EVIL = "<img src=x onerror=window.hurt=1><script>window.hurt=1</script>"
PUMPS = f"𠮷野的蓝鲸工厂{EVIL}去年一共生产了七百二十一台潜水泵。"
NEWS = f"""{EVIL}蓝鲸工厂
2024-03-05
𠮷野厂长🐳🐳说，欢迎大家来参观。
{PUMPS}
"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, seeded: Running) -> Iterator[Open]:
    """Opens the page; at the end nothing may have gone wrong in it, and nothing may have been asked of another host."""
    pages: list[Page] = []
    wrong: list[str] = []

    def open_page(
        width: int = 1280, height: int = 800, locale: str = "zh-CN", url: str = seeded.url, **options: object
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, reduced_motion="reduce", **options
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda sent: None if _own(sent.url, url) else wrong.append(f"asked {sent.url}"))
        page.on("requestfailed", lambda sent: wrong.append(f"{sent.failure} {sent.url}") if _failed(sent) else None)
        page.goto(url)
        if url == seeded.url:
            expect(page.locator("#held")).to_contain_text("14")
        return page

    yield open_page
    for page in pages:
        page.context.close()
    told = (401, 403, 409, 415, 422, 503)  # by the browser, though the page deals with them
    assert not [one for one in wrong if not any(f"status of {code}" in one for code in told)]


def _failed(sent: Request) -> bool:
    """Chromium calls aborted what the page left behind, and a stream that was read by parts to its end."""
    return sent.failure != "net::ERR_ABORTED"


def _own(url: str, base: str) -> bool:
    return urlsplit(url).netloc == urlsplit(base).netloc or url.startswith(("data:", "blob:"))


def put(page: Page, question: str) -> None:
    before = page.locator(".exchange").count()
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".exchange").nth(before).locator(".footing, .abstained, .trouble").wait_for()


def last(page: Page) -> str:
    return page.locator(".exchange").last.inner_text()


def check_access(page: Page) -> None:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    bad = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical", "moderate")]
    assert not bad, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in bad]


def test_the_source_asked_for_last_is_the_one_shown(opened: Open) -> None:
    page = opened()
    put(page, SALES)
    held: list[Route] = []
    page.route("**/documents/*", lambda route: held.append(route))
    page.locator(".mark").first.click()
    page.get_by_role("button", name="文档", exact=True).click()
    expect(page.locator("#pane")).to_have_attribute("aria-label", "文档")
    assert len(held) == 1
    with page.expect_response("**/documents/*"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#pane")).to_have_attribute("aria-label", "文档")


def test_an_answer_a_follow_up_and_the_source_at_the_right_place(opened: Open) -> None:
    page = opened()
    put(page, SALES)
    expect(page.locator(".words").first).to_contain_text("达到53万套")
    assert "53万套" in page.locator(".words mark").first.inner_text()
    assert "L25" in last(page)
    put(page, THEN)
    expect(page.locator(".understood")).to_have_text("理解为：智新科技今年的销量目标是多少？")
    assert "85万套" in last(page)
    page.locator(".exchange").first.locator(".mark").first.hover()
    expect(page.locator("#preview mark")).to_contain_text("达到53万套。")
    page.locator(".exchange").first.locator(".mark").first.click()
    expect(page.locator("#preview")).to_be_hidden()
    here = page.locator("#pane mark.here")
    assert here.inner_text() == page.locator(".words").first.inner_text().removesuffix(" [1]")
    expect(here).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_be_hidden()
    expect(page.locator(".exchange").first.locator(".mark").first).to_be_focused()
    page.get_by_role("button", name="新对话").click()
    put(page, THEN)
    expect(page.locator(".understood")).to_have_count(0)


def test_a_follow_up_may_be_asked_before_the_answer_is_there(opened: Open) -> None:
    page = opened()
    for question in (SALES, THEN):
        page.fill("#question", question)
        page.press("#question", "Enter")
    expect(page.locator(".footing")).to_have_count(2)
    expect(page.locator(".understood")).to_have_text("理解为：智新科技今年的销量目标是多少？")
    page.fill("#question", SALES)
    page.press("#question", "Enter")
    page.fill("#question", THEN)
    page.press("#question", "Enter")
    page.get_by_role("button", name="新对话").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".exchange")).to_have_count(0)


@pytest.fixture(scope="module")
def silent(seeded: Running) -> Iterator[Running]:
    """Answers nothing, however sure it is: sentences then stand beside every abstention."""
    with served(seeded.settings.store, RAG_MIN_CONFIDENCE="1") as (running, _):
        yield running


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_an_abstention_shows_the_nearest_sentences_apart(opened: Open, silent: Running, locale: str) -> None:
    chinese = locale == "zh-CN"
    with silent.client() as http:
        nearest = http.post("/ask", json={"question": SALES}).json()["nearest"]
    page = opened(locale=locale, url=silent.url)
    put(page, SALES)
    assert ("文档中没有找到答案" if chinese else "No answer found in the documents") in last(page)
    expect(page.locator(".sentences")).to_have_count(0)
    expect(page.locator(".footing")).to_have_count(0)
    expect(page.locator(".nearest h3")).to_have_text("可能相关，请核对" if chinese else "Possibly, please check")
    assert page.locator(".nearest li p").all_inner_texts() == [near["text"] for near in nearest]
    expect(page.locator(".nearest mark").first).to_contain_text("53万套")
    chances = [f"{100 * near['confidence']:.0f}%" for near in nearest]
    assert page.locator(".chance").all_inner_texts() == [
        f"可能性 {chance}" if chinese else f"{chance} likely" for chance in chances
    ]
    page.locator(".nearest .from").first.click()
    expect(page.locator("#pane mark.here")).to_have_text(nearest[0]["text"])
    expect(page.locator("#pane mark.here")).to_be_in_viewport()
    page.locator("#language").click()
    expect(page.locator(".nearest h3")).to_have_text("Possibly, please check" if chinese else "可能相关，请核对")
    expect(page.locator(".chance").first).to_have_text(f"{chances[0]} likely" if chinese else f"可能性 {chances[0]}")


def test_the_nearest_sentences_by_keyboard(opened: Open, silent: Running) -> None:
    page = opened(url=silent.url)
    put(page, SALES)
    sources = page.locator(".nearest .from")
    for _ in range(sources.count()):
        page.keyboard.press("Shift+Tab")
    expect(sources.first).to_be_focused()
    expect(page.locator("#preview mark")).to_contain_text("53万套")
    page.keyboard.press("Enter")
    expect(page.locator("#pane mark.here")).to_be_focused()
    page.keyboard.press("Escape")
    expect(sources.first).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_nearest_sentences_for_anybody(opened: Open, silent: Running, width: int, scheme: str) -> None:
    page = opened(width, 800, "en-GB", silent.url, color_scheme=scheme)
    put(page, SALES)
    page.locator(".nearest mark").first.wait_for()
    check_access(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = "['.nearest p', '.nearest mark'].map(one => getComputedStyle(document.querySelector(one)).color)"
    assert len(set(page.evaluate(colours))) == 2  # the words marked stand out of a sentence that is held back


def test_while_a_file_is_taken_in_its_stage_and_count_are_shown(opened: Open, tmp_path: Path) -> None:
    page = opened()
    page.get_by_role("button", name="文档", exact=True).click()
    expect(page.locator(".documents li")).to_have_count(14)
    source = tmp_path / "长.txt"
    source.write_text("".join(f"第{n}号车间去年生产了{n}00万套产品。\n" for n in range(1, 160)), "utf-8")
    page.evaluate(
        """window.seen = []; new MutationObserver(() => seen.push(document.querySelector(".uploads").innerText))
           .observe(document.querySelector(".uploads"), { subtree: true, childList: true, characterData: true })"""
    )
    page.set_input_files("#files", source)
    expect(page.locator(".uploads progress")).to_be_visible()
    expect(page.locator(".uploads .added")).to_have_text("已添加 长.txt", timeout=60_000)
    seen = page.evaluate("seen")
    page.fill("#find", "长.txt")
    page.locator(".remove").click()
    page.locator("#dialog .danger").click()
    page.fill("#find", "")
    expect(page.locator(".documents li")).to_have_count(14)
    assert any(re.match(r"正在为 长.txt 计算向量：64 / \d+ 条", line) for line in seen)  # others may be too short


def test_a_file_is_added_asked_about_and_removed(opened: Open, tmp_path: Path) -> None:
    page = opened()
    page.get_by_role("button", name="文档", exact=True).click()
    expect(page.locator(".documents li")).to_have_count(14)
    source = tmp_path / "蓝鲸<b>.txt"
    source.write_text(NEWS, "utf-8")
    bad = tmp_path / "空.txt"
    bad.write_text("", "utf-8")
    page.set_input_files("#files", [source, bad])
    expect(page.locator(".uploads .added")).to_have_text("已添加 蓝鲸<b>.txt")
    expect(page.locator(".uploads .trouble")).to_have_text("未能添加：空.txt：文件里没有文字，已跳过。")
    expect(page.locator(".documents li")).to_have_count(15)
    page.fill("#find", "蓝鲸 2024-03")
    expect(page.locator(".count")).to_have_text("1 / 15 篇")
    put(page, "蓝鲸工厂去年生产了多少台潜水泵？")
    assert "七百二十一台" in last(page)
    page.locator(".exchange").last.locator(".mark").first.click()
    expect(page.locator("#pane mark.here")).to_have_text(
        PUMPS
    )  # beyond the basic plane, code points are not UTF-16 units
    assert EVIL in page.locator("#pane").inner_text()
    assert page.evaluate("window.hurt") is None
    assert page.locator("#pane img, .thread img, #pane script").count() == 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="文档", exact=True).click()
    page.fill("#find", "蓝鲸")
    page.locator(".remove").click()
    expect(page.locator("#dialog-text")).to_contain_text("蓝鲸工厂")
    page.locator("#dialog .danger").click()
    expect(page.locator(".count")).to_have_text("没有找到匹配的文档。")
    page.fill("#find", "")
    expect(page.locator(".documents li")).to_have_count(14)
    put(page, "蓝鲸工厂去年生产了多少台潜水泵？")
    assert "七百二十一台" not in last(page)


def test_a_file_of_several_documents_is_asked_about_twice(opened: Open) -> None:
    page = opened()
    page.get_by_role("button", name="文档", exact=True).click()
    page.fill("#find", "156万标箱")
    page.locator(".remove").first.click()
    page.locator("#dialog .danger").click()
    expect(page.locator("#dialog-text")).to_contain_text("还含有其他文档")
    page.get_by_role("button", name="取消").click()
    page.fill("#find", "")
    expect(page.locator(".documents li")).to_have_count(14)


def test_all_documents_of_a_file_are_removed_where_that_is_meant(opened: Open, tmp_path: Path) -> None:
    with serving(make_settings(tmp_path), FakeEmbedder()) as running:
        page = opened(url=running.url)
        page.get_by_role("button", name="文档", exact=True).click()
        expect(page.locator(".documents li")).to_have_count(6)
        page.fill("#find", "several")
        expect(page.locator(".documents li")).to_have_count(4)
        page.locator(".remove").first.click()
        page.locator("#dialog .danger").click()
        expect(page.locator("#dialog-text")).to_contain_text("还含有其他文档")
        page.locator("#dialog .danger").click()
        expect(page.locator(".count")).to_have_text("没有找到匹配的文档。")
        page.fill("#find", "")
        expect(page.locator(".documents li")).to_have_count(2)
        page.context.close()  # a browser keeps connections, and a server waits for them


def test_a_server_with_keys_is_asked_for_once(opened: Open, tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    key = KeyFile(settings.key_file).add("reader", "read")
    with serving(settings, FakeEmbedder()) as running:
        page = opened(url=running.url)
        dialog = page.locator("dialog#key")
        expect(dialog).to_be_visible()
        expect(page.locator("#secret")).to_be_focused()
        expect(page.locator("#key-why")).to_be_hidden()
        check_access(page)
        page.fill("#secret", "rag_wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-why")).to_have_text("API 密钥无效或已吊销。")
        page.fill("#secret", f" {key}\n")
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        expect(page.locator("#held")).to_contain_text(" 6 ")
        put(page, SALES)
        page.locator(".mark").first.click()
        expect(page.locator("#pane mark.here")).to_be_in_viewport()
        assert key not in page.content()
        page.reload()
        expect(page.locator("#held")).to_contain_text(" 6 ")
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="文档", exact=True).click()
        page.locator(".remove").first.click()
        page.locator("#dialog .danger").click()
        expect(page.locator(".uploads .trouble")).to_contain_text("只读")
        expect(page.locator("#find")).to_be_focused()  # the list has been read again
        KeyFile(settings.key_file).revoke("reader")
        page.fill("#question", SALES)
        page.press("#question", "Enter")
        expect(page.locator("#key-why")).to_have_text("API 密钥无效或已吊销。")
        page.keyboard.press("Escape")
        expect(page.locator(".exchange .trouble")).to_have_text("API 密钥无效或已吊销。")
        page.context.close()


def test_files_are_dropped_on_the_page(opened: Open) -> None:
    page = opened()
    make = """() => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([77, 90, 0, 1, 2, 3])], "图.exe")); return data; }"""
    dropped = page.evaluate_handle(make)
    page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.locator(".uploads .trouble")).to_contain_text("未能添加：图.exe：程序，无法读取")


def test_a_dropped_folder_is_walked_and_a_file_that_is_gone_is_named(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "年报"
    for name in ("甲.txt", "内/乙.txt", "内/深/甲.txt", ".git/丙.txt", "内/.丁.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}的消息\n{name}说，去年生产水泵{len(name)}百台。\n", "utf-8")
    with serving(make_settings(tmp_path), FakeEmbedder()) as running:
        page = opened(url=running.url)
        expect(page.locator("#held")).to_contain_text(" 6 ")
        session = page.context.new_cdp_session(page)

        def drop(*paths: Path) -> None:
            data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
            for kind in ("dragEnter", "dragOver", "drop"):
                session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})

        drop(folder)
        expect(page.locator(".uploads .added")).to_have_count(3, timeout=30_000)
        told = set(page.locator(".uploads li").all_inner_texts())
        second = told - {"已添加 甲.txt", "已添加 乙.txt"}  # of the same name
        assert second in ({"已添加 年报_甲.txt"}, {"已添加 年报_内_深_甲.txt"})
        held: list[Route] = []
        page.route("**/documents", lambda route: held.append(route))
        drop(folder / "甲.txt", folder / "内" / "乙.txt")
        page.locator(".under-way").wait_for()
        (folder / "内" / "乙.txt").unlink()
        held[0].continue_()
        expect(page.locator(".uploads .trouble")).to_have_text("未能添加：乙.txt 已无法读取，请确认它还在原处。")
        page.context.close()


def test_what_of_an_archive_was_not_taken_in_stands_below_what_was(opened: Open, tmp_path: Path) -> None:
    good = {"好.txt": "厂里的消息\n该厂去年生产水泵三百台。\n".encode()}
    bad = {f"{n}.bin": b"\0\1" * 50 for n in range(7)}
    for name, files in (("半.zip", good | bad), ("坏.zip", {"0.bin": bad["0.bin"]})):
        with zipfile.ZipFile(tmp_path / name, "w") as made:
            for inner, data in files.items():
                made.writestr(inner, data)
    with serving(make_settings(tmp_path), FakeEmbedder()) as running:
        page = opened(url=running.url)
        page.locator("#documents").click()
        page.set_input_files("#files", [tmp_path / "半.zip", tmp_path / "坏.zip"])
        expect(page.locator(".uploads .trouble").last).to_contain_text("坏.zip", timeout=60_000)
        told = page.locator(".uploads li").all_inner_texts()
        assert told[0] == "已添加 半.zip"
        assert [line.partition("：")[0] for line in told[1:6]] == [f"半.zip/{n}.bin" for n in range(5)]
        assert told[6] == "以及另外 2 个"
        assert told[7].startswith("未能添加：坏.zip/0.bin：")
        assert len(told) == 8
        page.context.close()


MADE = "𠮷野的蓝鲸工厂去年一共生产了七百二十一台潜水泵。"


def test_a_citation_of_a_document_that_has_changed_is_told_as_such(opened: Open, tmp_path: Path) -> None:
    question = "蓝鲸工厂去年生产了多少台潜水泵？"
    with serving(make_settings(tmp_path), FakeEmbedder()) as running, running.client() as http:

        def put_text(text: str) -> None:
            assert http.post("/documents", json={"name": "蓝鲸.txt", "text": text}).status_code == 200

        put_text(f"🐳蓝鲸工厂\n{MADE}\n")
        page = opened(url=running.url)
        links = []
        for number, text in enumerate(("", f"🐳蓝鲸工厂\n厂长🐳说，欢迎大家都来参观。\n{MADE}\n")):
            if text:
                put_text(text)
            put(page, question)
            exchange = page.locator(".exchange").nth(number)
            mark = exchange.locator("li", has_text=MADE).first.locator(".mark")
            mark.hover()
            expect(page.locator("#preview mark")).to_have_text(MADE)
            mark.click()
            expect(page.locator("#pane mark.here")).to_have_text(MADE)
            links.append(page.locator("#pane header a").get_attribute("href"))
            assert f">{MADE}</mark>" in http.get(links[-1]).text
            page.keyboard.press("Escape")
        mark = page.locator(".exchange").first.locator("li", has_text=MADE).first.locator(".mark")
        mark.hover()
        expect(page.locator("#preview .trouble")).to_contain_text("在回答之后已更改")
        mark.click()
        expect(page.locator("#pane [role=alert]")).to_contain_text("在回答之后已更改")
        assert page.locator("#pane mark").count() == 0
        assert "<mark" not in http.get(links[0]).text
        check_access(page)
        page.locator("#language").click()
        expect(page.locator("#pane [role=alert]")).to_contain_text("has changed since the answer")
        page.keyboard.press("Escape")
        page.locator("#documents").click()
        page.locator(".documents .title", has_text="蓝鲸").click()
        page.locator("#pane .text").wait_for()
        assert page.locator("#pane [role=alert]").count() == 0
        assert 'role="status"' not in http.get(page.locator("#pane header a").get_attribute("href")).text
        page.context.close()


def test_keyboard_alone(opened: Open) -> None:
    page = opened(locale="en-GB")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type(SALES)
    page.keyboard.press("Enter")
    page.locator(".footing").wait_for()
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#question")).to_have_value(SALES)
    page.locator("#question").clear()
    page.keyboard.press("Shift+Tab")  # copy
    expect(page.locator(".copy")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Copied, with its sources")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"**{SALES}**\n\n> 智新科技有关负责人介绍")
    assert "[^1]" in copied
    assert "\n\n[^1]: " in copied
    assert "/source/" in copied
    for _ in range(page.locator(".mark").count()):
        page.keyboard.press("Shift+Tab")  # the citations
    expect(page.locator(".mark").first).to_be_focused()
    expect(page.locator("#preview mark")).to_contain_text("53万套")
    page.keyboard.press("Enter")
    expect(page.locator("#pane mark.here")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".mark").first).to_be_focused()
    page.keyboard.press("/")  # WCAG 2.1.4: no shortcut of a single character, which dictated words would set off
    expect(page.locator(".mark").first).to_be_focused()


def test_the_focus_is_never_under_the_question_field(opened: Open) -> None:
    page = opened(390, 700)
    for question in (SALES, UNANSWERED, SALES):
        put(page, question)
    page.locator("main").evaluate("main => { main.scrollTop = 0; document.querySelector('#theme').focus(); }")
    # the marks and the copying of two answers, the sentences that came near
    for _ in range(page.locator(".mark, .copy, .nearest .from").count()):
        page.keyboard.press("Tab")
        bottom, field = page.evaluate(
            "[document.activeElement, document.querySelector('#question')].map(one => one.getBoundingClientRect())"
            ".map((box, field) => field ? box.top : box.bottom)"
        )
        assert bottom <= field, page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("Tab")
    expect(page.locator("#question")).to_be_focused()


def test_an_answer_is_copied_over_plain_http_too(opened: Open) -> None:
    page = opened()
    page.evaluate("navigator.clipboard.writeText('before')")
    put(page, SALES)
    page.evaluate("""window.clip = navigator.clipboard;
        Object.defineProperty(navigator, "clipboard", { value: undefined })""")
    page.locator(".copy").click()
    expect(page.locator("#status")).to_have_text("已复制，附出处")
    assert page.evaluate("clip.readText()").startswith(f"**{SALES}**")
    expect(page.locator(".copy")).to_be_focused()


def test_documents_by_keyboard(opened: Open) -> None:
    page = opened(locale="en-GB")
    page.keyboard.press("Shift+Tab")
    while page.evaluate("document.activeElement.id") != "documents":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".documents li")).to_have_count(14)
    expect(page.locator("#pane")).to_be_focused()
    for chosen in ("close", "files", "saying", "find", "title", "remove"):
        page.keyboard.press("Tab")
        assert page.evaluate("[document.activeElement.id, ...document.activeElement.classList]").count(chosen) == 1
    page.keyboard.press("Enter")
    expect(page.locator("#dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator(".remove").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_be_hidden()
    expect(page.locator("#documents")).to_be_focused()


def test_escape_closes_one_thing_at_a_time(opened: Open) -> None:
    page = opened()
    put(page, SALES)
    page.locator("#documents").click()
    page.locator(".mark").first.hover()
    expect(page.locator("#preview mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#preview")).to_be_hidden()
    expect(page.locator("#pane")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_be_hidden()


def test_an_input_method_may_use_the_enter_key(opened: Open) -> None:
    page = opened()
    page.fill("#question", "wuhan")
    for how in ("isComposing: true", "keyCode: 229"):
        pressed = f"""node => node.dispatchEvent(new KeyboardEvent("keydown", {{key: "Enter", {how},
            bubbles: true, cancelable: true}}))"""
        assert page.locator("#question").evaluate(pressed) is True
    expect(page.locator(".exchange")).to_have_count(0)


def test_both_languages_and_colours(opened: Open) -> None:
    page = opened(locale="en-GB", color_scheme="dark")
    expect(page.locator("h1")).to_have_text("Ask your documents")
    put(page, UNANSWERED)
    assert "No answer found in the documents" in last(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert page.get_attribute("html", "lang") == "en"
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Auto (change colours)")
    page.locator("#language").click()
    expect(page.locator("h1")).to_have_text("文档问答")
    expect(page.locator("#theme")).to_have_attribute("aria-label", "随系统（切换配色）")
    assert page.get_attribute("html", "lang") == "zh-CN"
    assert "文档中没有找到答案" in last(page)
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.reload()
    expect(page.locator("h1")).to_have_text("文档问答")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_a_phone(opened: Open) -> None:
    page = opened(390, 844, has_touch=True, is_mobile=True)
    put(page, SALES)
    page.locator(".mark").first.tap()
    expect(page.locator("#preview mark")).to_contain_text("53万套")
    page.locator("#preview button").tap()
    expect(page.locator("#pane mark.here")).to_be_in_viewport()
    assert page.locator("#pane").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert page.evaluate("document.querySelector('main').inert && document.querySelector('.bar').inert")
    page.go_back()
    expect(page.locator("#pane")).to_be_hidden()
    assert not page.evaluate("document.querySelector('main').inert")
    page.locator("#documents").tap()
    expect(page.locator(".documents li")).to_have_count(14)
    page.locator("#pane .close").tap()
    expect(page.locator("#pane")).to_be_hidden()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    small = """[...document.querySelectorAll("button:not([hidden])")].filter(one => one.offsetHeight
        && (one.offsetHeight < 43 || one.offsetWidth < 43)).map(one => one.outerHTML)"""
    assert page.evaluate(small) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_nothing_stands_in_the_way_of_anybody(opened: Open, width: int, scheme: str) -> None:
    page = opened(width, 800, color_scheme=scheme)
    check_access(page)
    put(page, SALES)
    put(page, UNANSWERED)
    check_access(page)
    page.locator(".exchange").first.locator(".mark").first.click()
    page.locator("#pane mark.here").wait_for()
    check_access(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="文档", exact=True).click()
    page.locator(".documents li").first.wait_for()
    check_access(page)


@pytest.mark.parametrize(("locale", "said"), [("zh-CN", "只在："), ("en-GB", "Only in: ")])
def test_only_some_documents_are_asked(opened: Open, seeded: Running, locale: str, said: str) -> None:
    page = opened(locale=locale)
    put(page, SALES)
    cited = page.locator(".from").first.inner_text()
    with seeded.client() as client:
        paths = {one["path"] for one in client.get("/documents").json()["documents"]}
    page.locator("#scope").click()
    expect(page.locator(".choices li")).to_have_count(len(paths))
    (asked,) = (path.rsplit("/")[-1] for path in paths if "000_" in path)
    page.fill("#pattern", "000_")
    expect(page.locator(".choices li")).to_have_count(1)
    page.locator(".choices input").check()
    expect(page.locator("#scope")).to_have_text(f"{said}{asked}")
    put(page, SALES)
    assert page.locator(".exchange").last.locator(".from").first.inner_text() == cited
    expect(page.locator(".exchange").last.locator(".understood")).to_have_text(f"{said}{asked}")
    page.locator(".chip").click()
    expect(page.locator(".choices input")).not_to_be_checked()
    page.fill("#pattern", "*/004_*")
    page.press("#pattern", "Enter")
    page.fill("#since", "2025-07")
    page.press("#since", "Tab")
    expect(page.locator("#scope")).to_have_text(f"{said}*/004_* · 2025-07 – …")
    put(page, SALES)
    page.fill("#until", "2025-08")
    page.press("#until", "Tab")
    expect(page.locator("#scope")).to_have_text(f"{said}*/004_* · 2025-07 – 2025-08")
    wrong = page.locator("#pane [role=alert]")
    expect(wrong).to_be_hidden()
    page.fill("#until", "2025/8")
    page.press("#until", "Tab")
    expect(page.locator("#until")).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_contain_text("2023-05-17")
    expect(page.locator("#scope")).to_have_text(f"{said}*/004_* · 2025-07 – …")
    page.fill("#until", "2025-06")
    page.press("#until", "Tab")
    expect(wrong).to_be_hidden()
    page.fill("#since", "2025")
    page.press("#since", "Tab")
    put(page, SALES)
    assert any(one in last(page) for one in ("没有文档符合所选范围。", "No document is within what you chose."))
    page.locator("#everything").click()
    put(page, SALES)
    assert page.locator(".exchange").last.locator(".understood").count() == 0
    assert page.locator(".exchange").last.locator(".from").first.inner_text() == cited


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_documents_are_described_when_added_and_asked_by_metadata(opened: Open, tmp_path: Path, locale: str) -> None:
    settings = make_settings(tmp_path)
    chinese = locale == "zh-CN"
    for name in ("甲", "乙", "丙"):
        (tmp_path / f"{name}.txt").write_text(f"{name}厂的消息\n{name}厂去年生产水泵{len(name)}百台。\n", "utf-8")
    with serving(settings, FakeEmbedder()) as running:
        page = opened(390, 844, locale, running.url)
        page.locator("#scope").click()
        expect(page.locator(".choices li")).to_have_count(3)
        expect(page.locator("#metadata")).to_be_hidden()  # where no document has any
        page.keyboard.press("Escape")
        page.locator("#documents").click()
        page.locator(".saying").click()
        for files, said, told in (
            ("甲", {"title": "年报", "date": "2024-05", "metadata": "来源=新华社; 栏目 = 要闻"}, "added"),
            ("乙", {"metadata": "来源=人民日报"}, "added"),
            ("丙", {"date": "去年"}, "date"),
            ("丙", {"date": "", "metadata": "来源"}, "名称=值" if chinese else "name=value"),
            ("甲乙", {"title": "年报", "metadata": ""}, "标题只能给单个文件" if chinese else "A title is for one file"),
        ):
            for name, value in said.items():
                page.fill(f"#said-{name}", value)
            page.set_input_files("#files", [tmp_path / f"{name}.txt" for name in files])
            if told == "added":
                expect(page.locator(".uploads .added")).to_have_count("甲乙".index(files) + 1)
                expect(page.locator("#said-metadata")).to_have_value("")  # what was said is said of one file
            else:
                expect(page.locator(".uploads .trouble").last).to_contain_text(told)
        check_access(page)
        page.fill("#find", "来源=新华社")
        expect(page.locator(".documents .title")).to_have_text("年报")
        expect(page.locator(".documents .facts")).to_contain_text("2024-05")
        page.keyboard.press("Escape")
        page.locator("#scope").click()
        page.locator("#metadata").select_option(label="新华社 (1)")
        page.locator("#metadata + button").click()
        said = "只在：来源=新华社" if chinese else "Only in: 来源=新华社"
        expect(page.locator("#scope")).to_have_text(said)
        expect(page.locator(".chip")).to_have_text("来源=新华社")
        check_access(page)
        assert page.evaluate("document.querySelector('#pane').scrollWidth") <= 390
        page.keyboard.press("Escape")
        put(page, "乙厂去年生产水泵多少台？")
        assert "甲厂去年生产水泵" in last(page)
        assert "乙厂去年生产水泵" not in page.locator(".sentences").last.inner_text()
        page.locator("#scope").click()
        page.locator(".chip").click()
        expect(page.locator(".chip")).to_have_count(0)
        page.keyboard.press("Escape")
        put(page, "乙厂去年生产水泵多少台？")
        assert "乙厂去年生产水泵" in page.locator(".sentences").last.inner_text()
        page.context.close()


def test_documents_are_chosen_by_keyboard(opened: Open) -> None:
    page = opened(locale="en-GB")
    for _ in ("send", "scope"):
        page.keyboard.press("Tab")
    expect(page.locator("#scope")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pane")).to_be_focused()
    page.locator(".choices li").first.wait_for()
    for chosen in ("close", "since", "until", "pattern", "take", "checkbox"):
        page.keyboard.press("Tab")
        assert page.evaluate("(({id, type, className}) => [id, type, className])(document.activeElement)").count(chosen)
    page.keyboard.press("Space")
    expect(page.locator(".chip")).to_have_count(1)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # all documents again
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator("#pattern")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#pane")).to_be_hidden()
    expect(page.locator("#scope")).to_be_focused()
    expect(page.locator("#scope")).to_have_text("In all documents")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_choosing_documents_is_for_anybody(opened: Open, width: int, scheme: str) -> None:
    page = opened(width, 800, color_scheme=scheme)
    page.locator("#scope").click()
    page.locator(".choices input").first.check()
    page.fill("#pattern", "很长的文件夹名称/" * 20 + "*.pdf")
    page.press("#pattern", "Enter")
    page.fill("#until", "soon")
    page.press("#until", "Tab")
    check_access(page)
    assert page.evaluate("document.querySelector('#pane').scrollWidth <= document.querySelector('#pane').clientWidth")
    page.keyboard.press("Escape")
    check_access(page)
    put(page, SALES)
    check_access(page)
    right = "Math.max(...[...document.querySelectorAll('main *')].map(one => one.getBoundingClientRect().right))"
    assert page.evaluate(right) <= width


def test_suggestions_are_questions_that_are_answered(opened: Open) -> None:
    page = opened()
    page.locator(".suggestions button").first.click()
    page.locator(".footing").wait_for()
    expect(page.locator("#welcome")).to_be_hidden()


def test_the_server_is_gone(opened: Open) -> None:
    page = opened()
    page.route("**/ask", lambda route: route.fulfill(status=503, json={"detail": "The server is busy."}))
    put(page, SALES)
    expect(page.locator(".exchange .trouble")).to_have_text("The server is busy.")
    page.unroute("**/ask")
    page.get_by_role("button", name="重试").click()
    page.locator(".footing").wait_for()
    expect(page.locator(".exchange")).to_have_count(1)


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_nothing_runs_over_the_edge_of_a_small_screen(opened: Open, locale: str) -> None:
    page = opened(320, 640, locale)
    put(page, SALES)
    over = (
        "[...document.querySelectorAll('.bar *, main *')].filter(one => one.getBoundingClientRect().right > 321).length"
    )
    assert page.evaluate(over) == 0
    page.locator("#documents").click()
    expect(page.locator(".documents li")).to_have_count(14)
    assert page.evaluate("document.querySelector('#pane').scrollWidth") <= 320


def test_the_page_is_light(opened: Open) -> None:
    page = opened()
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => new URL(one.name).pathname)")
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert {path.removeprefix("/page/") for path in loaded if path.startswith("/page/")} | {
        "index.html",
        "source.css",
    } == set(files)
    assert sum(files.values()) < 300_000


@pytest.mark.parametrize("close", ["Escape twice", "double click"])
def test_closing_twice_keeps_the_conversation(opened: Open, close: str) -> None:
    page = opened()
    put(page, SALES)
    page.locator("#documents").click()
    expect(page.locator(".documents li")).to_have_count(14)
    if close == "double click":
        page.locator("#pane .close").dblclick()
    else:
        page.evaluate("""for (const _ of [1, 2])
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }))""")
    expect(page.locator("#pane")).to_be_hidden()
    page.wait_for_timeout(300)
    expect(page.locator(".exchange")).to_have_count(1)
    page.locator("#documents").click()
    expect(page.locator(".documents li")).to_have_count(14)


REPRINTED = "智新科技有关负责人介绍，去年销量连续迈过三道10万级大关，达到53万套，创下历史新高。"


def test_the_other_documents_that_hold_a_sentence_stand_below_it(opened: Open, tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    for name in ("甲报", "乙报"):
        (tmp_path / "documents" / f"{name}.txt").write_text(f"{name}的报道\n\n{REPRINTED}\n", "utf-8")
    put_in(settings, FakeEmbedder(), tmp_path / "documents")
    with serving(settings, FakeEmbedder()) as running:
        page = opened(390, 800, "en-GB", running.url)
        put(page, "智新科技去年销量连续迈过三道10万级大关，达到多少万套？")
        other = page.locator(".sentences li", has_text="历史新高").first.locator(".also")
        expect(other).to_contain_text("Also in")
        expect(other).to_contain_text("报的报道")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        check_access(page)
        page.locator("#language").click()
        expect(other).to_contain_text("另见")
        other.locator("button").click()
        page.locator("#preview button").click() if page.locator("#preview").is_visible() else None
        expect(page.locator("#pane mark.here")).to_have_text(REPRINTED)


def test_a_word_file_is_dropped_asked_and_opened_at_its_place(opened: Open, tmp_path: Path) -> None:
    made = MAKERS["Word"]()
    with served(tmp_path / "vectorstore", RAG_MIN_CONFIDENCE="0") as (running, _):
        page = opened(url=running.url)
        dropped = page.evaluate_handle(
            """([name, data]) => { const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
                const carried = new DataTransfer(); carried.items.add(new File([bytes], name)); return carried; }""",
            [made.name, base64.b64encode(made.data).decode()],
        )
        page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
        page.dispatch_event("main", "drop", {"dataTransfer": dropped})
        expect(page.locator(".uploads .added")).to_have_text(f"已添加 {made.name}", timeout=60_000)
        page.keyboard.press("Escape")
        for fact in (FACTS[7], FACTS[20]):
            put(page, fact.question)
            answer = page.locator(".exchange").last
            expect(answer.locator(".words").first).to_contain_text(fact.value)
            expect(answer.locator(".from").first).to_contain_text(f" · {made.places[fact]}")
            answer.locator(".mark").first.click()
            here = page.locator("#pane mark.here")
            expect(here).to_contain_text(fact.value)
            expect(here).to_be_in_viewport()
            assert page.locator("#pane canvas").count() == 0  # a Word file has no pages of its own
            sentence = answer.locator(".words").first.inner_text().removesuffix(" [1]")
            assert "".join(here.all_inner_texts()) == sentence
            page.keyboard.press("Escape")


def test_a_citation_of_a_pdf_opens_the_page_as_it_is_printed(opened: Open, tmp_path: Path) -> None:
    made = pdf("概览.pdf")
    (tmp_path / made.name).write_bytes(made.data)
    with served(tmp_path / "vectorstore", RAG_MIN_CONFIDENCE="0") as (running, _):
        page = opened(url=running.url)
        page.get_by_role("button", name="文档", exact=True).click()
        page.set_input_files("#files", tmp_path / made.name)
        expect(page.locator(".uploads .added")).to_have_text("已添加 概览.pdf", timeout=60_000)
        page.keyboard.press("Escape")
        fact = FACTS[7]
        put(page, fact.question)
        assert fact.value in last(page)
        page.locator(".mark").first.click()
        drawn = page.locator("#pane canvas")
        expect(drawn).to_be_visible(timeout=60_000)
        expect(drawn).to_have_attribute("aria-label", f"第 {made.places[fact][1:]} 页，所引文字已标出")
        expect(page.locator("#pane .text")).to_be_hidden()
        yellow = """canvas => {
            const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const rows = [];
            for (let n = 0; n < data.length; n += 4)
                if (data[n] === 255 && data[n + 1] === 214 && data[n + 2] === 10) rows.push(Math.floor(n / 4 / width));
            const { top, height: shown } = canvas.getBoundingClientRect();
            return [rows[0], rows.at(-1)].map((row) => top + (row / height) * shown);
        }"""
        top, bottom = drawn.evaluate(yellow)
        assert 60 < top < bottom < 800  # what is cited is in sight
        check_access(page)
        page.get_by_role("button", name="文字").click()
        expect(drawn).to_be_hidden()
        expect(page.locator("#pane mark.here")).to_contain_text(fact.value)
        expect(page.locator("#pane mark.here")).to_be_in_viewport()
        page.get_by_role("button", name="原页").click()
        expect(drawn).to_be_visible()
