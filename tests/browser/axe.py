"""What axe-core finds on a page."""

from __future__ import annotations

from playwright.async_api import Page

from tests.server import ROOT

__all__ = ["findings"]

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"


async def findings(page: Page, state: str) -> list[str]:
    """What axe-core finds serious or critical in what is on the page now."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    # Colours are judged where they have come to rest.
    await page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})))")
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{state}: {violation['id']} ({violation['impact']}): {violation['help']}\n  "
        + "\n  ".join(node["html"] for node in violation["nodes"])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
