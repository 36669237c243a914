import { expect, it } from "vitest";
import { samePerson, subjectOf } from "./identity.ts";

const jwt = (claims: object, signature = "s") =>
  `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;

it("reads the subject, in any script", () => {
  expect(subjectOf(jwt({ sub: "ann" }))).toBe("ann");
  expect(subjectOf(jwt({ sub: "安娜?>" }))).toBe("安娜?>");
});

it.each(["", "no jwt", "a.b.c", jwt({}), jwt({ sub: 7 })])("finds none in %j", (token) => {
  expect(subjectOf(token)).toBeNull();
});

it("knows the same person by a newer token", () => {
  expect(samePerson(jwt({ sub: "ann", exp: 1 }), jwt({ sub: "ann", exp: 2 }, "t"))).toBe(true);
  expect(samePerson(jwt({ sub: "ann" }), jwt({ sub: "bo" }))).toBe(false);
  expect(samePerson(null, jwt({ sub: "bo" }))).toBe(false);
  expect(samePerson("no jwt", "none either")).toBe(false);
  expect(samePerson(undefined, null)).toBe(false); // said nothing, and said that nobody is
});
