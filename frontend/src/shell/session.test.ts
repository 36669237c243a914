import { describe, expect, it } from "vitest";
import { csrfToken, placeOf } from "./session.ts";

describe("the page's place", () => {
  it("is below the server's path", () => {
    const { server, base, path } = placeOf("/chat/", "https://h.example", "app");
    expect([server, base]).toEqual(["https://h.example/chat/", "/chat/app/"]);
    expect(path("console")).toBe("/chat/console/");
  });
});

describe("csrfToken", () => {
  it("is read from among the cookies", () => {
    expect(csrfToken("a=1; csrftoken=abc; b=2")).toBe("abc");
    expect(csrfToken("xcsrftoken=abc")).toBe("");
  });
});
