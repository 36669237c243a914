// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { expose } from "./api.ts";
import type { Config } from "./config.ts";
import { CoreLoader } from "./core-loader.ts";
import { elementClass } from "./element.ts";
import type { Core, CoreModule, Host } from "./host.ts";
import { Widget } from "./widget.ts";

const CONFIG: Config = {
  server: "https://chat.example/",
  site: "shop",
  locale: null,
  texts: null,
  theme: null,
  position: null,
  open: false,
};

/** A core that only notes what is asked of it. */
function fakeCore() {
  const calls: string[] = [];
  const core: Core = {
    open: (focus) => calls.push(`open ${focus}`),
    close: () => calls.push("close"),
    identify: (identity) => calls.push(`identify ${identity}`),
    destroy: () => calls.push("destroy"),
  };
  const mount = vi.fn((_: Host) => core);
  return { calls, mount, module: { mount } as CoreModule };
}

let answer: Response;
let core: ReturnType<typeof fakeCore>;
let load: ReturnType<typeof vi.fn<(url: string) => Promise<CoreModule>>>;
let errors: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  vi.stubGlobal("__CORE__", "static/assets/widget-1.js");
  vi.stubGlobal("fetch", async () => answer.clone());
  vi.stubGlobal("requestIdleCallback", (act: () => void) => setTimeout(act));
  answer = Response.json({ name: "Shop", theme: {}, locale: "en" });
  core = fakeCore();
  load = vi.fn(async () => core.module);
  errors = vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  window.Chatserver?.destroy();
  sessionStorage.clear();
  localStorage.clear();
  document.documentElement.lang = "";
  vi.unstubAllGlobals();
});

function start(config: Partial<Config> = {}): Widget {
  const full = { ...CONFIG, ...config };
  const widget = new Widget(full, new CoreLoader(full.server, load));
  expose(widget);
  widget.start();
  return widget;
}

const all = () => [...document.querySelectorAll<HTMLElement>("chatserver-widget")];
const launcher = (widget: Widget) => widget.shadow.querySelector<HTMLButtonElement>(".launcher") as HTMLButtonElement;
const shown = (widget: Widget) => vi.waitFor(() => expect(widget.element.hidden).toBe(false));

describe("the launcher", () => {
  it("shows itself once the site wants it, and loads nothing more", async () => {
    const widget = start();
    expect(widget.element.hidden).toBe(true);
    await shown(widget);
    expect(load).not.toHaveBeenCalled();
    expect(launcher(widget).getAttribute("aria-expanded")).toBe("false");
  });

  it("shows itself when the server cannot be asked: then a click tells", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("no network");
    });
    await shown(start());
  });

  it.each([
    [403, "forbidden", "This site does not list the page's origin"],
    [404, "not_found", "There is no site with this key."],
  ])("stays away when the server says %i, and tells the developer once", async (status, code, detail) => {
    answer = Response.json({ code, detail }, { status });
    const failed = vi.fn();
    const widget = start();
    window.Chatserver?.on("error", failed);
    window.Chatserver?.open();
    await vi.waitFor(() => expect(errors).toHaveBeenCalledTimes(1));
    expect(String(errors.mock.calls[0]?.[0])).toContain(detail);
    expect(String(errors.mock.calls[0]?.[0])).toContain("https://chat.example/admin/");
    expect(failed).toHaveBeenCalledWith({ code, message: detail });
    expect(all()).toEqual([]);
    widget.open();
    await Promise.resolve();
    expect(load).not.toHaveBeenCalled();
  });

  it("fetches the core ahead of time when a pointer comes near", async () => {
    const widget = start();
    await shown(widget);
    launcher(widget).dispatchEvent(new Event("pointerenter"));
    expect(load).toHaveBeenCalledWith("https://chat.example/static/assets/widget-1.js");
    expect(core.mount).not.toHaveBeenCalled();
  });

  it("speaks the page's language", async () => {
    document.documentElement.lang = "zh-Hans-CN";
    const widget = start();
    await shown(widget);
    expect(launcher(widget).getAttribute("aria-label")).toBe("在线咨询");
    expect(widget.element.dir).toBe("ltr");
  });

  it("stands at the other side in a language that runs from right to left", async () => {
    vi.stubGlobal("fetch", async (url: string) =>
      url.endsWith(".json") ? Response.json({ ar: { launcher: "محادثة" } }) : answer.clone(),
    );
    const widget = start({ locale: "ar", texts: "https://shop.example/texts.json" });
    await shown(widget);
    expect(widget.element.dir).toBe("rtl");
    expect(widget.element.dataset.position).toBe("left");
    expect(launcher(widget).getAttribute("aria-label")).toBe("محادثة");
  });

  it("carries the number of unread messages in its label", async () => {
    const widget = start();
    widget.unread(3);
    expect(launcher(widget).getAttribute("aria-label")).toBe("Chat, 3 unread messages");
    widget.unread(120);
    expect(widget.shadow.querySelector(".badge")?.textContent).toBe("99+");
    widget.unread(0);
    expect(widget.shadow.querySelector<HTMLElement>(".badge")?.hidden).toBe(true);
  });
});

describe("opening", () => {
  it("may be asked for before anything is there", async () => {
    const told: string[] = [];
    start();
    window.Chatserver?.on("open", () => told.push("open"));
    window.Chatserver?.open();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
    expect(told).toEqual(["open"]);
  });

  it("takes the last word of many calls", async () => {
    start();
    for (let i = 0; i < 1000; i++) window.Chatserver?.toggle();
    window.Chatserver?.open();
    window.Chatserver?.close();
    window.Chatserver?.open();
    await vi.waitFor(() => expect(core.calls.at(-1)).toBe("open true"));
    expect(core.mount).toHaveBeenCalledTimes(1);
  });

  it("comes back after a page load, without taking the focus", async () => {
    start().open();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
    window.Chatserver?.destroy();
    core.calls.length = 0;
    start();
    await vi.waitFor(() => expect(core.calls).toEqual(["open false"]));
  });

  it("stays closed after a page load once it was closed, whatever data-open says", async () => {
    const widget = start({ open: true });
    await vi.waitFor(() => expect(core.calls).toEqual(["open false"]));
    widget.close();
    window.Chatserver?.destroy();
    core.calls.length = 0;
    await shown(start({ open: true }));
    expect(core.calls).toEqual([]);
  });

  it("says when the chat cannot be loaded, and tries again", async () => {
    load.mockRejectedValueOnce(new TypeError("Failed to fetch dynamically imported module"));
    const widget = start();
    await shown(widget);
    launcher(widget).click();
    await vi.waitFor(() =>
      expect(widget.shadow.querySelector(".notice")?.textContent).toContain("could not be loaded"),
    );
    expect(errors).toHaveBeenCalledTimes(1);
    expect(launcher(widget).getAttribute("aria-busy")).toBe("false");
    launcher(widget).click();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
    expect(widget.shadow.querySelector<HTMLElement>(".notice")?.hidden).toBe(true);
  });

  it("gives the focus back to the launcher when it was in the panel", async () => {
    const widget = start();
    widget.open();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
    const input = document.createElement("input");
    widget.shadow.append(input);
    input.focus();
    widget.close();
    expect(widget.shadow.activeElement).toBe(launcher(widget));
  });
});

describe("who is here", () => {
  it("is what the page said last when the core comes", async () => {
    const widget = start();
    window.Chatserver?.identify("first");
    window.Chatserver?.identify("second");
    await vi.waitFor(() => expect(core.mount).toHaveBeenCalledTimes(1));
    expect(widget.identity).toBe("second");
    expect(core.calls).toEqual([]);
    window.Chatserver?.identify(null);
    expect(core.calls).toEqual(["identify null"]);
  });

  it("brings a returning visitor's badge without a click", async () => {
    localStorage.setItem("chatserver:visitor:shop", "token");
    start();
    await vi.waitFor(() => expect(core.mount).toHaveBeenCalledTimes(1));
    expect(core.calls).toEqual([]);
  });

  it("waits for the page where the last visitor was signed in", async () => {
    localStorage.setItem("chatserver:visitor:shop", "token");
    localStorage.setItem("chatserver:known:shop", "ann");
    await shown(start());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(core.mount).not.toHaveBeenCalled();
  });

  it("works where storage is blocked", async () => {
    vi.spyOn(window, "localStorage", "get").mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });
    const widget = start();
    widget.open();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
  });
});

describe("the page's navigation", () => {
  it("keeps the one element when the body is replaced", async () => {
    const widget = start();
    await shown(widget);
    for (let i = 0; i < 3; i++) {
      document.documentElement.replaceChild(document.createElement("body"), document.body);
      await Promise.resolve();
      expect(all()).toEqual([widget.element]);
    }
    document.body.innerHTML = "<main></main>";
    await Promise.resolve();
    expect(all()).toEqual([widget.element]);
  });

  it("has no second widget when the tag runs again", async () => {
    const widget = start();
    await shown(widget);
    elementClass().owner?.adopt("shop");
    expect(all()).toEqual([widget.element]);
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    elementClass().owner?.adopt("other");
    expect(warned).toHaveBeenCalledTimes(1);
  });

  it("removes copies from snapshots of the page", async () => {
    const widget = start();
    await shown(widget);
    document.body.append(widget.element.cloneNode(true));
    expect(all()).toEqual([widget.element]);
  });

  it("ends with destroy, and may begin again", async () => {
    const widget = start();
    widget.open();
    await vi.waitFor(() => expect(core.calls).toEqual(["open true"]));
    window.Chatserver?.destroy();
    await Promise.resolve();
    expect(core.calls).toEqual(["open true", "destroy"]);
    expect(all()).toEqual([]);
    expect(window.Chatserver).toBeUndefined();
    const next = start();
    await shown(next);
    expect(all()).toEqual([next.element]);
  });
});

describe("events", () => {
  it("tell `ready` also to who asks late", async () => {
    await shown(start());
    const ready = vi.fn();
    window.Chatserver?.on("ready", ready);
    expect(ready).toHaveBeenCalledWith({ site: "shop" });
  });

  it("stop with what `on` returned, and survive a handler that fails", async () => {
    const widget = start();
    const first = vi.fn(() => {
      throw new Error("the page's own");
    });
    const second = vi.fn();
    const off = widget.events.on("unread", first);
    widget.events.on("unread", second);
    widget.emit("unread", { count: 1 });
    off();
    widget.emit("unread", { count: 2 });
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).toHaveBeenCalledTimes(2);
  });
});
