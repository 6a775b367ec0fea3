import { describe, expect, it } from "vitest";
import { contentsPath, encodedPath, hashOf, placeOf } from "../../src/inbox/place";

describe("an address of the inbox page", () => {
  it.each([
    ["", "", { view: "pending" }],
    ["#", "?token=t", { view: "pending" }],
    ["#history", "", { view: "history" }],
    ["#request=a%20b", "", { view: "request", id: "a b" }],
    ["", "?token=t&request=q1", { view: "request", id: "q1" }],
    ["#history", "?request=q1", { view: "history" }],
    ["#request=", "", { view: "pending" }],
  ])("%j with %j shows what it names", (hash, search, place) => {
    expect(placeOf(hash, search)).toEqual(place);
  });

  it("leads back to where it came from, whatever the id", () => {
    const place = { view: "request", id: "a/b#c?d&e=f +%" } as const;
    expect(placeOf(hashOf(place))).toEqual(place);
  });
});

describe("a notebook's path", () => {
  it.each([
    ["notes/a.ipynb", "/srv/work", "notes/a.ipynb"],
    ["/srv/work/notes/a.ipynb", "/srv/work/", "notes/a.ipynb"],
    ["/srv/workshop/a.ipynb", "/srv/work", null],
    ["/elsewhere/a.ipynb", "/srv/work", null],
    ["/srv/a.ipynb", "", null],
    ["C:\\Users\\ada\\work\\a.ipynb", "C:/Users/ada/work", "a.ipynb"],
    ["/home/ada/work/a.ipynb", "~/work", "a.ipynb"],
    ["/home/ada/a.ipynb", "~", "a.ipynb"],
    ["/root/x/a.ipynb", "~", "x/a.ipynb"],
    ["/srv/work/a.ipynb", "~/work", null],
    ["../../logout", "/srv/work", null],
    ["notes/..\\..\\logout", "/srv/work", null],
    ["/srv/work/../../logout", "/srv/work", null],
    ["//elsewhere.example/a.ipynb", "/srv/work", null],
    ["\\\\elsewhere.example\\a.ipynb", "/srv/work", null],
  ])("of %j below %j is %j", (notebook, root, path) => {
    expect(contentsPath(notebook, root)).toBe(path);
  });

  it.each(["javascript:alert(1)", "https://elsewhere.example/", "data:text/html,x"])(
    "that is an address, %s, leads into the notebooks all the same",
    (notebook) => {
      const path = encodedPath(contentsPath(notebook, "/srv/work") ?? "");
      const { origin, pathname } = new URL(`/lab/tree/${path}`, "https://hub.example/inbox/");
      expect(origin).toBe("https://hub.example");
      expect(pathname.startsWith("/lab/tree/")).toBe(true);
    },
  );

  it("is encoded part by part", () => {
    expect(encodedPath("my notes/50 %.ipynb")).toBe("my%20notes/50%20%25.ipynb");
  });
});
