"""Draws the README's pictures, each light and dark. Usage: python -m ui.screenshots CACHE FOLDER"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from playwright.sync_api import FloatRect, Page, Route

from prs.engine.loads.history import LoadHistory
from prs.engine.loads.memory import FILE
from prs.model import Node, Reading
from ui.browser import open_browser, visit_pve
from ui.hands import at_rest, click, enabled, job_ended, label, menu_item, rows, sees, shown, until
from ui.stage import Stage, open_stage

HALF_HOUR = 1800.0
WIDE, HIGH = 1100, 560
SCHEDULE = "Ext.ComponentQuery.query('#set-service-schedule').some((field) => field.getValue())"
POLICY = """[balancing]
hot: 95
max_moves: 10
method: memory
[service]
automation: on
schedule: 02:30
quiet: mon..fri 08:00-18:00
wait_for_backups: 1
[guests]
106: drains
"""


def furnish(stage: Stage) -> None:
    """A cluster that has been looked after for a day: an account, a policy with a schedule, rules, and a history of loads."""
    home, world = stage._house, stage._world
    folder = home.pve / "proxmox-rebalancing-service"
    folder.mkdir(exist_ok=True)
    (folder / "policy.conf").write_text(POLICY)
    account = f"api_host: {home.address}:{home.server.port}\napi_token: prs@pve!daemon={home.server.logins['prs@pve!daemon']}\n"
    home.config.write_text(home.config.read_text().replace("[proxmox]\n", f"[proxmox]\n{account}").replace("containers: 0\n", ""))
    history, now = LoadHistory(home.state / FILE), time.time()
    nodes = tuple(Node(name, memory=2**34, cpu=8.0) for name in world.nodes)
    for step in range(48, 0, -1):
        noon = math.sin((48 - step) / 48 * 2 * math.pi)
        shares = {"pve1": 0.86 - step / 100 + noon / 30, "pve2": 0.5 + noon / 20, "pve3": 0.21 + step / 300 + noon / 40}
        used = {name: (share * 2**34, share * 6) for name, share in shares.items()}
        history.add(Reading({}, used, {}), nodes, frozenset, now - step * HALF_HOUR)


def without_peers(route: Route) -> None:
    """A lab without the other nodes' services would put a warning on top of every picture."""
    response = route.fetch()
    if response.status != 200:  # nothing new
        route.fulfill(response=response)
        return
    answer = response.json()
    answer["data"]["peers"] = []
    route.fulfill(response=response, json=answer)


def with_notifications(route: Route) -> None:
    """The lab has none of Proxmox VE's own templates, without which nothing is notified of."""
    if route.request.method != "GET":
        route.continue_()
        return
    response = route.fetch()
    answer = response.json()
    answer["data"]["may"]["notify"] = {"allowed": True, "reason": ""}
    route.fulfill(response=response, json=answer)


def shoot(page: Page, path: Path, high: int | None = None) -> None:
    """Take the picture once the page has come to rest, with the mouse out of the way; `high`: that much of it."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    at_rest(page)
    part: FloatRect | None = {"x": 0, "y": 0, "width": WIDE, "height": high} if high else None
    page.screenshot(path=path, clip=part)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=path.with_stem(f"{path.stem}-dark"), clip=part)
    page.emulate_media(color_scheme="light")


def draw(page: Page, stage: Stage, folder: Path) -> None:
    """Walk through plan, drain and job."""
    for path in ("jobs", "loads"):
        page.route(f"{stage.backend}/api/v1/{path}?*", without_peers)
    page.reload()
    shown(page, "prsNodesGrid")
    sees(page, r"pve1 leads.*Next run")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    shoot(page, folder / "plan.png")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, "pve2 can be emptied")
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    shoot(page, folder / "drain.png")
    click(page, "Close")
    click(page, "Rebalance now")
    stage.pace(0.2)  # a busy machine would see the end only
    click(page, "Yes")
    until(page, lambda: any(row[4].endswith("left") for row in rows(page, "prsStepsGrid")), "a migration under way")
    shoot(page, folder / "job.png")
    stage.pace(10.0)  # tickets last two hours of the cluster
    job_ended(page)


def rules_seen(page: Page, words: str) -> bool:
    """Open the rules; they are closed again unless their notice says that, as the service remembers the cluster for seconds."""
    click(page, "Rules")
    if words in sees(page, r"\d rules: \d broken")[0]:
        return True
    click(page, "Close")
    return False


def draw_automation(page: Page, stage: Stage, folder: Path) -> None:
    """What the tab has of automatic balancing: settings, rules, loads, and the strip with a plan that is suggested."""
    page.route(f"{stage.backend}/api/v1/policy", with_notifications)
    page.set_viewport_size({"width": WIDE, "height": 720})
    click(page, "Settings")
    sees(page, "Quiet windows")
    until(page, lambda: page.evaluate(SCHEDULE), "the policy")
    shoot(page, folder / "settings.png")
    click(page, "Close")
    page.set_viewport_size({"width": WIDE, "height": HIGH})
    stage.move(108, stage.homes()["102"])
    until(page, lambda: stage.homes()["108"] == stage.homes()["102"], "a broken rule")
    until(page, lambda: rules_seen(page, "1 broken"), "the broken rule in the tab")
    shoot(page, folder / "rules.png")
    click(page, "Close")
    click(page, "History")
    shown(page, "prsHistoryWindow")
    page.locator(".x-tab:visible").filter(has_text="Loads over time").click()
    sees(page, r"Spread: \d+ points at last")
    page.wait_for_timeout(1500)  # the chart draws its lines one after the other
    shoot(page, folder / "loads.png")
    click(page, "Close")
    stage.move(101, "pve1")
    stage.move(105, "pve1")
    until(page, lambda: {stage.homes()[vmid] for vmid in ("101", "105")} == {"pve1"}, "the guests where they were")
    click(page, "Settings")
    until(page, lambda: page.evaluate(SCHEDULE), "the policy")
    page.evaluate("Ext.ComponentQuery.query('#set-service-automation')[0].setValue('suggest')")
    click(page, "Save")
    sees(page, "Automatic balancing suggests plans")
    click(page, "Automatic balancing")
    menu_item(page, "Run by schedule now").click()
    sees(page, r"Last run.*Suggested at")
    shoot(page, folder / "strip.png", 330)


def main(cache: Path, folder: Path) -> None:
    """Draw all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_stage("rules", 1.0, cache) as stage, open_browser(WIDE, HIGH) as context:
        stage.stop("daemon")
        furnish(stage)
        stage.start("daemon")
        found = visit_pve(context, stage, frame="none")
        try:
            draw(found.page, stage, folder)
            draw_automation(found.page, stage, folder)
        finally:
            found.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
