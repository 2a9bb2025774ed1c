"""Plots: what was measured is drawn and written down, with its unit, and what nobody saw is a gap."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import World
from tests.browser.test_live import open_live

pytestmark = pytest.mark.browser
SAMPLE_MS = 30_000
# Keeps what is written on a canvas, which nobody could read otherwise.
KEEP_WORDS = """
window.written = new Set();
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
  window.written.add(text);
  return write.call(this, text, ...where);
};
"""
# Much use every five seconds, and nothing for a while in the middle when there is a pause.
SEND = """([later, pause]) => {
  const start = Date.now() + later;
  for (let n = 0; n < 40; n += 1) {
    const at = new Date(start + n * 5000 + (n < 20 ? 0 : pause)).toISOString();
    document.dispatchEvent(new CustomEvent("market:sample", { detail: { at, values: { cpu: 90 } } }));
  }
}"""
# The longest run of columns without a line in the right half, where the samples above are.
WIDEST_GAP = """canvas => {
  const { width, height } = canvas;
  const seen = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const [r, g, b] = getComputedStyle(canvas.closest(".plot-canvas")).getPropertyValue("--plot-line")
    .match(/[\\d.]+/g).map(Number);
  const drawn = (x) => {
    for (let y = 0; y < height * 0.4; y += 1) {
      const at = 4 * (y * width + x);
      if (Math.abs(seen[at] - r) + Math.abs(seen[at + 1] - g) + Math.abs(seen[at + 2] - b) < 60 && seen[at + 3] > 128) return true;
    }
    return false;
  };
  const columns = [...Array(width).keys()].filter((x) => x > width / 2 && drawn(x));
  return Math.max(0, ...columns.slice(1).map((x, n) => x - columns[n]));
}"""

# A plot is drawn in a microtask: no sample of the pod's own comes between sending and looking.
SEND_AND_LOOK = f"""async (canvas, samples) => {{
  ({SEND})(samples);
  await null;
  return ({WIDEST_GAP})(canvas);
}}"""


@pytest.fixture
def cpu(renter: Page, world: World) -> Locator:
    renter.add_init_script(KEEP_WORDS)
    open_live(renter, f"/pods/{world.pod}")
    figure = renter.locator("[data-plot=cpu]")
    expect(figure.locator("canvas")).to_be_visible(timeout=SAMPLE_MS)
    return figure


def test_plots_are_labelled_and_written_down(cpu: Locator, renter: Page) -> None:
    cpu.get_by_text("Numbers").click()

    expect(cpu.locator("tbody tr").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d\s*\d+ %"))
    expect(cpu.locator("[data-summary]")).to_contain_text("CPU: now")
    labels = renter.evaluate("[...written]")
    assert "100 %" in labels
    assert any(label.endswith(" GiB") for label in labels)


def test_what_nobody_saw_is_a_gap(cpu: Locator, renter: Page) -> None:
    renter.context.allowed_complaints = ("Canvas2D: Multiple readback",)  # type: ignore[attr-defined]
    canvas = cpu.locator("canvas")
    assert 0 < canvas.evaluate(SEND_AND_LOOK, [60_000, 0]) <= 2

    assert canvas.evaluate(SEND_AND_LOOK, [265_000, 300_000]) > 20
    assert "—" in (cpu.locator("tbody").text_content() or "")
