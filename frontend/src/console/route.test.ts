import { describe, expect, it } from "vitest";
import { DOCUMENTS, parseRoute, pathOf, type Route } from "./route.ts";

const ID = "01932b5e-0000-7000-8000-000000000001";

const ROUTES: Route[] = [
  DOCUMENTS,
  { page: "documents", collection: ID, source: ID },
  { page: "document", id: ID, chunk: null },
  { page: "document", id: ID, chunk: 12 },
  { page: "search", query: "", collection: "" },
  { page: "search", query: "what & why? 什么", collection: ID },
  { page: "web" },
  { page: "collections" },
  { page: "gaps" },
];

const parse = (address: string, base: string) => parseRoute(new URL(address, "https://h.example"), base);

describe("routes", () => {
  it.each(["/console/", "/chat/console/"])("below %s are read as they are written", (base) => {
    for (const route of ROUTES) expect(parse(pathOf(route, base), base)).toEqual(route);
  });

  it("are plain where nothing is chosen", () => {
    expect(pathOf(DOCUMENTS, "/console/")).toBe("/console/knowledge");
  });

  it.each([
    "/console/",
    "/console/knowledge/",
    "/console/knowledge/documents/x",
    `/console/knowledge/documents/${ID}/more`,
    "/console/knowledge?collection=<x>",
    "/elsewhere",
  ])("that are unknown lead to the documents: %s", (address) => {
    expect(parse(address, "/console/")).toEqual(DOCUMENTS);
  });

  it("take no part of a passage that is no number", () => {
    expect(parse(`/console/knowledge/documents/${ID}?chunk=-1`, "/console/")).toMatchObject({ chunk: null });
  });
});
