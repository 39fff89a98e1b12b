"""The page of `fileorg serve` in a real Chromium: what the commands do, with a mouse and with the keyboard."""

from __future__ import annotations

import os
import signal
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from tests.report.conftest import browser  # noqa: F401  a fixture
from tests.serve.pages import HOSTILE, messy, opened, serving
from tests.serve.test_plans import pid_of_working
from tests.support.snapshot import contents, differences, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Route
    from tests.serve.pages import Opened, Server

VIEWS = ("", "organize", "duplicates", "clean", "history", "rules", "settings")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("served")
    roots = [
        messy(place / name) for name in ("mouse", "keys", "rule", "doubles", "looks", "hostile", "cleaned", "killed")
    ]
    with serving(place, roots) as running:
        yield running


@pytest.fixture(scope="module")
def cookies(browser: Browser, server: Server) -> list[Any]:  # noqa: F811
    """The session that the link gives, which works once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.link)
    page.wait_for_selector("h1:text-is('Home')")
    assert page.goto(server.link).status == 401  # type: ignore[union-attr]
    found: list[Any] = context.cookies()
    context.close()
    return found


@pytest.fixture
def it(browser: Browser, server: Server, cookies: list[Any]) -> Iterator[Opened]:  # noqa: F811
    with opened(browser, server, cookies, bypass_csp=False) as page:
        yield page
        assert page.reported == []


def _root(it: Opened, name: str) -> Path:
    return next(root for root in it.server.roots if root.name == name)


def test_a_folder_is_planned_changed_carried_out_and_undone(it: Opened) -> None:
    root = _root(it, "mouse")
    before = take(os.fsencode(root))
    it.plan(root)
    it.line("Before", "notes.txt").locator(".check").click()
    assert it.line("Before", "notes.txt").get_attribute("aria-checked") == "false"
    assert it.line("Before", "mouse").get_attribute("aria-checked") == "mixed"
    it.open_folder("After", "Documents")
    it.line("After", "report.docx").drag_to(it.line("After", "Audio"))
    it.page.get_by_role("button", name="Move", exact=True).click()
    it.page.wait_for_selector("text=1 left out, 1 moved by you")
    it.line("After", "report.docx").locator(".label").click()
    it.page.get_by_role("button", name="Leave out").click()
    assert it.page.inner_text(".plan .lead").endswith("files, 2 left out")  # it is not counted as moved, too
    it.page.get_by_role("button", name="Take again").click()
    it.page.wait_for_selector("text=1 left out, 1 moved by you")
    it.heard.clear()
    it.page.get_by_role("button", name="Carry out").click()
    it.page.get_by_role("button", name="Undo").wait_for()
    assert it.page.inner_text(".job-state") == "Done."
    states = [heard["job"]["status"] for heard in it.heard if "job" in heard]
    assert states[-1] == "done"
    assert (root / "notes.txt").exists()
    assert (root / "Audio" / "report.docx").exists()
    assert (root / "Documents" / "letter.docx").exists()
    assert (root / "Images" / "sunset copy.png").exists()
    it.page.get_by_role("button", name="Undo").click()
    it.page.wait_for_selector("text=undone by")
    assert differences(before, take(os.fsencode(root))) == []


def test_a_plan_takes_nobody_away_from_another_view(it: Opened) -> None:
    it.go("organize")
    with it.page.expect_response("**/api/v1/plans") as made:
        it.page.get_by_role("button", name="Make a plan").click()
        it.page.get_by_role("link", name="History").click()
    it.page.evaluate(
        """(run) => new Promise((done) => {
          const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/runs/${run}/events`);
          socket.onmessage = ({ data }) => JSON.parse(data).last && done();
        })""",
        made.value.json()["run"],
    )
    it.page.wait_for_selector("h1:text-is('History')")
    it.page.get_by_role("link", name="Home").click()
    it.page.get_by_role("button", name="Drop the plan").click()
    it.page.wait_for_selector("text=What is waiting", state="detached")


def test_a_plan_that_was_dropped_elsewhere_says_so(it: Opened) -> None:
    it.plan(_root(it, "looks"))
    job = it.page.url.rpartition("/")[2]
    body = "{method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'}"
    assert it.page.evaluate(f"fetch('/api/v1/jobs/{job}/cancel', {body}).then((answer) => answer.status)") == 200
    it.page.get_by_role("button", name="Carry out").click()
    assert "does not wait" in it.page.get_by_role("alert").inner_text()
    it.page.get_by_role("button", name="Show it as it is now").click()
    it.page.wait_for_selector("text=Cancelled.")
    it.check_refused(409)


def test_a_plan_that_was_changed_but_not_carried_out_is_shown_as_it_is_now(it: Opened) -> None:
    it.plan(_root(it, "looks"))
    it.line("Before", "notes.txt").locator(".check").click()
    files = int(it.page.inner_text(".plan .lead").split()[0])
    problem = {"detail": "Too many operations: the next one may come in 9 s.", "code": "too-many-requests"}
    it.page.route("**/approve", lambda route: route.fulfill(status=429, json=problem), times=1)
    it.page.get_by_role("button", name="Carry out").click()
    it.page.get_by_role("alert").get_by_text("Too many operations").wait_for()
    assert it.page.inner_text(".plan .lead") == f"{files} files"  # the row that was left out is gone
    it.line("Before", "film.mp4").locator(".check").click()
    with it.page.expect_response("**/edits") as edited:
        it.page.get_by_role("button", name="Carry out").click()
    assert edited.value.json()["left_out"] == 1
    it.page.get_by_role("button", name="Undo").click()
    it.page.wait_for_selector("text=undone by")
    it.check_refused(429)


def test_rules_that_nobody_waits_for_are_not_tried_any_more(it: Opened) -> None:
    it.go("rules")
    it.page.wait_for_selector("details.matches")
    held: list[Route] = []
    it.page.route("**/rules/preview", lambda route: held.append(route))  # noqa: PLW0108  playwright asks for a function
    it.page.get_by_label("Extension or beginning").fill("pdf")
    it.page.get_by_label("Go to the folder").fill("Papers")
    it.page.wait_for_selector("text=Trying the rule …")
    it.page.get_by_label("Go to the folder").fill("")
    it.page.wait_for_selector("text=Trying the rule …", state="detached")
    with it.page.expect_request(lambda request: request.method == "DELETE" and "/runs/" in request.url):
        held[0].continue_()


def test_hostile_names_are_text(it: Opened) -> None:
    it.plan(_root(it, "hostile"))
    shown = it.side("Before").locator(".label").all_inner_texts()
    assert {"bad\\xff\\xfename.jpg", "\\u202egpj.exe.pdf", "new\\nline.txt", HOSTILE[0].decode()} <= set(shown)
    it.page.get_by_role("button", name="Carry out").click()
    it.page.get_by_role("link", name="Show the files").click()
    it.page.wait_for_selector(".records li")
    shown = it.page.locator(".records .path").all_text_contents()
    for name in ("bad\\xff\\xfename.jpg", "\\u202egpj.exe.pdf", "new\\nline.txt", HOSTILE[0].decode()):
        assert any(f"/{name} → " in text for text in shown), name
    assert it.page.title() == "fileorg: History"
    assert it.page.locator("img").count() == 0


def test_the_trees_show_each_file_once_in_order(it: Opened) -> None:
    root = _root(it, "looks")
    it.plan(root)
    it.side("Before").focus()
    for name in ("old", "to sort"):
        it.open_folder("Before", name)
    shown = it.side("Before").locator(".line:not(.is-folder) .label").all_inner_texts()
    names = [b"/".join(path.split(b"/")[1:]) for path in map(os.fsencode, _files(root))]
    assert len(shown) == len(names)
    folders = it.side("Before").locator(".is-folder .label").all_inner_texts()
    assert folders == ["looks", "old", "to sort"]
    top = shown[5:]  # behind those of the two folders
    assert top == sorted(top, key=str.lower)


def _files(root: Path) -> list[str]:
    return [os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names]


def test_everything_goes_with_the_keyboard(it: Opened) -> None:
    root = _root(it, "keys")
    it.plan(root)
    press = it.page.keyboard.press
    it.side("Before").focus()
    press("End")
    last = it.side("Before").locator("[aria-selected=true]")
    name = last.locator(".label").inner_text()
    press(" ")
    assert last.get_attribute("aria-checked") == "false"
    press(" ")
    assert last.get_attribute("aria-checked") == "true"
    press("m")
    it.page.get_by_role("dialog").wait_for()
    it.page.keyboard.type("Pictures/Sea")
    press("Enter")
    it.page.get_by_role("radio", name=f"Only {name}").wait_for()
    press("Escape")
    assert it.page.get_by_role("dialog").count() == 0
    press("m")
    it.page.keyboard.type("Pictures/Sea")
    press("Enter")
    it.page.get_by_role("radio", name=f"Only {name}").wait_for()
    press("Enter")
    it.page.wait_for_selector("text=1 moved by you")
    it.side("After").focus()
    press("Home")
    press("ArrowLeft")
    assert it.line("After", "keys").get_attribute("aria-expanded") == "false"
    press("ArrowRight")
    assert it.line("After", "keys").get_attribute("aria-expanded") == "true"
    it.open_folder("After", "Video")
    it.line("After", "film.mp4").locator(".label").click()
    press(" ")  # it goes back to where it was, and the choice with it
    assert it.side("After").locator("[aria-selected=true] .label").inner_text() == "film.mp4"
    assert it.line("After", "film.mp4").get_attribute("aria-level") == "2"
    press(" ")
    assert it.side("After").locator("[aria-selected=true] .label").inner_text() == "film.mp4"
    assert it.line("After", "film.mp4").get_attribute("aria-level") == "3"
    it.page.get_by_role("button", name="Carry out").press("Enter")
    it.page.get_by_role("button", name="Undo").wait_for()
    assert (root / "Pictures" / "Sea" / name).exists()


def test_a_rule_is_made_by_dragging(it: Opened) -> None:
    root = _root(it, "rule")
    it.plan(root)
    it.open_folder("After", "Documents")
    it.line("After", "invoice 1.pdf").drag_to(it.line("After", "Audio"))
    it.page.get_by_role("radio", name="names begin with “invoice”").check()
    caught = it.page.get_by_label("Files that the rule would catch").locator("li").all_inner_texts()
    assert sorted(caught) == ["invoice 1.pdf", "invoice 2.pdf", "invoice 3.pdf"]
    it.page.get_by_role("button", name="Make the rule").click()
    it.page.wait_for_selector("text=3 moved by you")
    [rule] = tomllib.loads(it.server.configuration.read_text())["rule"]
    assert rule == {"name": "invoice to Audio", "when": {"name": "invoice*"}, "to": "Audio"}
    it.go("rules")
    it.page.get_by_label("Folder", exact=True).select_option(label=str(root))
    made = it.page.locator("ol > li", has_text="invoice to Audio")
    made.get_by_text("3 files").click()
    assert sorted(made.locator("li").all_inner_texts()) == ["invoice 1.pdf", "invoice 2.pdf", "old/invoice 3.pdf"]
    it.page.get_by_label("Extension or beginning").fill("docx")  # what it would take is shown before it is made
    it.page.get_by_label("Go to the folder").fill("Letters")
    assert it.page.locator(".new summary").inner_text().startswith("2 files")
    it.page.get_by_role("button", name="Add the rule").press("Enter")
    it.page.wait_for_selector("ol > li:has-text('docx to Letters')")
    it.plan(root)
    it.open_folder("After", "Audio")
    assert it.line("After", "invoice 3.pdf").count() == 1


def test_duplicates_side_by_side_and_kept_from_a_folder(it: Opened) -> None:
    root = _root(it, "doubles")
    it.go("duplicates")
    it.page.get_by_label("Folder", exact=True).select_option(label=str(root))
    it.page.get_by_role("button", name="Find duplicates").click()
    it.page.wait_for_selector("text=2 duplicates in 1 group")
    it.page.get_by_role("button", name="Show side by side").click()
    it.page.wait_for_selector("figure img")
    width = "[...document.querySelectorAll('figure img')].map((img) => img.complete && img.naturalWidth)"
    while it.page.evaluate(width) != [60, 60]:
        it.page.wait_for_timeout(20)
    it.page.get_by_role("slider").press("ArrowRight")
    assert it.page.locator(".both").evaluate("frame => frame.style.getPropertyValue('--at')") == "51%"
    it.page.get_by_role("button", name="Keep from this folder").first.click()
    it.page.get_by_role("button", name="Make a plan").click()
    it.page.wait_for_selector("plan-tree .line")
    it.page.get_by_role("button", name="Carry out").click()
    it.page.get_by_role("button", name="Undo").wait_for()
    assert (root / "old" / "sunset copy.png").exists()
    assert not (root / "sunset.png").exists()
    it.page.get_by_role("button", name="Undo").click()
    it.page.wait_for_selector("text=undone by")
    assert (root / "sunset.png").exists()


def test_leftovers_are_removed_but_one_that_is_left_out(it: Opened) -> None:
    root = _root(it, "cleaned")
    for folder in ("nothing", "outer/inner", "outer/other"):
        (root / folder).mkdir(parents=True)
    (root / "nothing.txt").touch()
    before = take(os.fsencode(root))
    it.go(f"clean/new/{root}")
    it.page.get_by_label("Broken symlinks").uncheck()
    it.page.get_by_role("button", name="Make a plan").click()
    removed = it.side("What is removed")
    removed.focus()
    press = it.page.keyboard.press
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        press(key)
    assert removed.locator("[aria-selected=true] .label").inner_text() == "inner"
    press(" ")
    assert it.line("What is removed", "outer").get_attribute("aria-checked") == "mixed"  # it stays with what is in it
    assert it.page.inner_text(".plan .lead") == "3 items, 2 left out"
    it.page.get_by_role("button", name="Carry out").click()
    it.page.get_by_role("button", name="Undo").wait_for()
    assert sorted(path.name for path in (root / "outer").iterdir()) == ["inner"]
    assert not (root / "nothing").exists()
    assert not (root / "nothing.txt").exists()
    it.page.get_by_role("button", name="Undo").click()
    it.page.wait_for_selector("text=undone by")
    assert differences(before, take(os.fsencode(root))) == []


def test_a_profile_has_its_folder_and_options(it: Opened) -> None:
    path = it.server.configuration
    path.write_text(f'{path.read_text()}\n[profile.tidy]\nroot = "{_root(it, "looks")}"\nrecursive = true\n')
    it.go("organize")
    it.page.get_by_label("Profile").select_option("tidy")
    assert it.page.get_by_label("Folder", exact=True).count() == 0
    it.page.get_by_role("button", name="Make a plan").click()
    it.line("Before", "to sort").wait_for()
    it.page.get_by_role("button", name="Drop the plan").click()
    it.page.get_by_role("button", name="Make a plan").wait_for()


def test_settings_are_changed(it: Opened) -> None:
    from playwright.sync_api import expect

    it.go("settings")
    it.page.get_by_label("Keep for days").fill("30")
    it.page.get_by_label("Names of files").select_option(label="Replace characters that Windows does not accept")
    it.page.get_by_label("Cameras whose films have local time").fill("NIKON*\nCanon EOS*")
    it.page.get_by_role("button", name="Save").press("Enter")
    it.page.wait_for_selector(".good:text-is('The settings were saved.')")
    written = tomllib.loads(it.server.configuration.read_text())
    assert written["settings"] == {"names": "portable", "keep_days": 30}
    assert written["dates"] == {"local_video": ["NIKON*", "Canon EOS*"]}
    it.page.get_by_label("Keep for days").fill("")
    it.page.get_by_label("No larger than").fill("much")
    it.page.get_by_role("button", name="Save").click()
    assert "much is not a size" in it.page.get_by_role("alert").inner_text().lower()
    it.check_refused(400)
    it.page.reload()
    assert it.page.get_by_label("Keep for days").input_value() == "30"
    text = it.server.configuration.read_text()
    it.server.configuration.write_text(text.replace("keep_days = 30", "keep_days = 60"))  # in another tab
    it.page.get_by_label("No larger than").fill("1G")
    it.page.get_by_role("button", name="Save").click()
    assert "changed elsewhere" in it.page.get_by_role("alert").inner_text()
    it.page.get_by_role("button", name="Show them as they are now").click()
    expect(it.page.get_by_label("Keep for days")).to_have_value("60")  # the page allows no script that a test evaluates
    it.check_refused(409)


def test_dropped_files_show_where_they_would_go(it: Opened) -> None:
    from playwright.sync_api import FilePayload

    it.go("organize")
    it.page.locator("#pick").set_input_files(
        [FilePayload(name=name, mimeType="", buffer=b"") for name in ("a.JPG", "b.tar.gz", "<b>.unheard")]
    )
    it.page.wait_for_selector(".drop li")
    assert it.page.locator(".drop li").all_text_contents() == [
        "a.JPG → Images", "b.tar.gz → Archives", "<b>.unheard stays: of unknown type by its name"
    ]  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_each_view_is_for_everyone(
    browser: Browser,  # noqa: F811
    server: Server,
    cookies: list[Any],
    scheme: str,
    width: int,
) -> None:
    with opened(browser, server, cookies, width=width, color_scheme=scheme, bypass_csp=True) as it:
        for view in VIEWS:
            it.go(view)
            it.page.wait_for_load_state("networkidle")
            if view == "rules":
                it.page.wait_for_selector("details.matches")
            it.check_for_everyone()
        it.plan(_root(it, "looks"))
        it.line("Before", "film.mp4").locator(".label").click()
        it.check_for_everyone()
        it.page.get_by_role("button", name="Move to…").click()
        it.check_for_everyone()
        it.page.keyboard.press("Escape")
        (_root(it, "looks") / "nothing").mkdir(exist_ok=True)
        it.go("clean")
        it.page.get_by_label("Folder", exact=True).select_option(label=str(_root(it, "looks")))
        it.page.get_by_role("button", name="Make a plan").click()
        it.line("What is removed", "nothing").locator(".label").click()
        it.check_for_everyone()
        assert it.reported == []


@pytest.mark.slow
def test_a_job_that_is_killed_is_resumed_and_undone(it: Opened) -> None:
    root = _root(it, "killed")
    for number in range(1200):
        (root / f"{number}.jpg").write_text(str(number))
        os.utime(root / f"{number}.jpg", (1_700_000_000, 1_700_000_000))
    os.utime(root, (1_700_000_000, 1_700_000_000))
    before = take(os.fsencode(root))
    it.plan(root, action="Copy")
    job = it.page.url.rpartition("/")[2]
    it.page.get_by_role("button", name="Carry out").click()
    os.kill(pid_of_working(it.server.state / f"job-{job}.status"), signal.SIGKILL)
    it.page.wait_for_selector("text=Interrupted: nothing is lost.")
    it.go("")
    it.page.wait_for_selector("text=was interrupted; nothing is lost")
    it.page.get_by_role("link", name="Show what was done").click()
    it.page.get_by_role("button", name="Resume").click()
    it.page.wait_for_selector("text=Done.")
    undo = it.page.get_by_role("button", name="Undo")
    while True:
        it.page.wait_for_selector(".ended")
        it.page.wait_for_selector("text=Loading …", state="detached")
        if not (left := undo.count()):
            break
        undo.first.click()
        while undo.count() == left or it.page.is_visible("text=Undoing …"):
            it.page.wait_for_timeout(50)
        it.page.reload()
    # A folder that the killed run made before its first file stays: history lists that run as one without changes.
    assert contents(take(os.fsencode(root))) == contents(before)


def test_a_server_that_ends_is_noticed(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    root = messy(tmp_path / "root")
    with serving(tmp_path, [root]) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.link)
        page.wait_for_selector("h1:text-is('Home')")
        server.process.kill()
        server.process.wait(20)
        page.get_by_role("link", name="History").click()
        page.wait_for_selector("text=fileorg serve does not answer.")
        assert page.is_visible("text=See whether it still runs in its terminal.")
        context.close()
