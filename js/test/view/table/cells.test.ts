import { describe, expect, it } from "vitest";
import { cellText, placesOf } from "../../../src/view/table/cells";
import { type Cell, tableOf } from "../../../src/view/table/resource";

function table(type: string, ...cells: Cell[]) {
  const data = cells.map((x) => ({ x }));
  const read = tableOf({ schema: { fields: [{ name: "x", type }] }, data });
  if (read === null) throw new Error("not a table");
  return read;
}

function sorted(type: string, ...cells: Cell[]) {
  const own = table(type, ...cells);
  const of = (descending: boolean) =>
    placesOf(own, "", { field: 0, descending }).map((place) => own.rows[place]?.[0]);
  return [of(false), of(true)];
}

describe("a column that is sorted", () => {
  it.each([
    ["number", [10, 9, "NaN", "INF", "-INF", null], ["-INF", 9, 10, "INF"]],
    [
      "integer",
      ["1152921504606846977", "1152921504606846976", 5],
      [5, "1152921504606846976", "1152921504606846977"],
    ],
    ["string", ["b", "A", "item 10", "item 9", null], ["A", "b", "item 9", "item 10"]],
    ["boolean", [true, false], [false, true]],
    [
      "datetime",
      ["2026-03-29T03:00:00+02:00", "NaT", "2026-03-29T01:30:00+01:00"],
      ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"],
    ],
    [
      "duration",
      ["P2DT0H0M0S", "-P0DT3H0M0S", "P0DT10H0M0.5S"],
      ["-P0DT3H0M0S", "P0DT10H0M0.5S", "P2DT0H0M0S"],
    ],
  ] as const)("has its values of type %s in order, and missing ones last", (type, cells, order) => {
    const [up = [], down = []] = sorted(type, ...cells);
    expect(up.slice(0, order.length)).toEqual(order);
    expect(down.slice(0, order.length)).toEqual([...order].reverse());
  });
});

describe("a cell", () => {
  it.each([
    [null, "string", "None"],
    [true, "boolean", "True"],
    [0.1, "number", "0.1"],
    ["INF", "number", "INF"],
    ["2026-01-01T00:00:00+01:00", "datetime", "2026-01-01 00:00:00+01:00"],
    ["P1DT2H3M4.5S", "duration", "1 d 02:03:04.5"],
    ["-P0DT3H0M0S", "duration", "-03:00:00"],
    ["P1Y", "duration", "P1Y"],
  ] as const)("%j of type %s reads %s", (cell, type, text) => {
    expect(cellText(cell, type)).toBe(text);
  });
});

describe("a table that is searched", () => {
  it("keeps the rows that contain the words as they are shown", () => {
    const own = table("datetime", "2026-01-01T08:00:00", null, "2025-01-01T08:00:00");
    expect(placesOf(own, "2026-01-01 08", null)).toEqual([0]);
    expect(placesOf(own, " NONE ", null)).toEqual([1]);
    expect(placesOf(own, "", null)).toEqual([0, 1, 2]);
  });
});

describe("data that is not a table", () => {
  it.each([
    [null],
    ["text"],
    [{}],
    [{ schema: { fields: [] }, data: [] }],
    [{ schema: { fields: [1] }, data: [{}] }],
    [{ schema: { fields: [{ name: "a" }] }, data: {} }],
  ])("is refused: %j", (resource) => expect(tableOf(resource)).toBeNull());

  it("takes nothing from a row's prototype", () => {
    const data = [JSON.parse('{"__proto__": "own"}'), {}];
    const fields = [{ name: "__proto__" }, { name: "constructor" }];
    expect(tableOf({ schema: { fields }, data })?.rows).toEqual([
      ["own", null],
      [null, null],
    ]);
  });

  it("says how much of the frame it is, whatever the publisher claims", () => {
    const of = (total: unknown, rows = 2) =>
      tableOf({
        schema: { fields: [{ name: "i" }, { name: "a" }] },
        index: ["i"],
        total,
        data: new Array(rows).fill({}),
      })?.extent;
    expect(of({ rows: 12_000, columns: 40 })).toBe("first 2 of 12,000 rows, first 1 of 40 columns");
    expect(of({ rows: "<b>", columns: -1 })).toBe("2 rows, 1 column");
    expect(of(undefined, 1)).toBe("1 row, 1 column");
  });
});
