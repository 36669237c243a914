// @vitest-environment happy-dom
import { afterEach, expect, it } from "vitest";
import { ownScript, readConfig } from "./config.ts";

function script(attributes: Record<string, string>, src = "https://chat.example/widget.js"): HTMLScriptElement {
  const element = document.createElement("script");
  element.type = "text/plain"; // so that nothing is fetched
  element.setAttribute("src", src);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  document.body.append(element);
  return element;
}

afterEach(() => document.body.replaceChildren());

it("reads what the tag says", () => {
  const config = readConfig(
    script({
      "data-site": "shop",
      "data-locale": "zh-CN",
      "data-theme": "dark",
      "data-position": "left",
      "data-open": "",
    }),
  );
  expect(config).toMatchObject({
    site: "shop",
    locale: "zh-CN",
    theme: "dark",
    position: "left",
    open: true,
    texts: null,
  });
});

it("takes the rest from the site when the tag says nothing, or nonsense", () => {
  const config = readConfig(script({ "data-site": "shop", "data-theme": "pink", "data-position": "" }));
  expect(config).toMatchObject({ locale: null, theme: null, position: null, open: false });
  expect(readConfig(script({ "data-site": "shop", "data-open": "false" })).open).toBe(false);
});

it.each([
  ["https://chat.example/widget.js", "https://chat.example/"],
  ["https://example.com/chat/widget.js?v=2", "https://example.com/chat/"],
])("finds the server of %s", (src, server) => {
  expect(readConfig(script({ "data-site": "shop" }, src)).server).toBe(server);
});

it("says what is missing when there is no key", () => {
  expect(() => readConfig(script({}))).toThrow("data-site");
  expect(() => readConfig(script({ "data-site": "" }))).toThrow("data-site");
});

it("finds the script that was injected last when the browser does not tell", () => {
  script({ "data-site": "one" });
  const two = script({ "data-site": "two" });
  script({}, "https://shop.example/other.js");
  expect(ownScript(document)).toBe(two);
});
