import { describe, expect, it } from "vitest";
import {
  errorsOf,
  fieldsOf,
  type Inputs,
  initialInput,
  isChanged,
  valuesOf,
} from "../../../src/view/form/fields";
import { goldenFields } from "../../protocol/golden";

const fields = (properties: object, required: readonly string[] = []) =>
  fieldsOf({ type: "object", properties, required });

const values = (properties: object, inputs: Inputs, required: readonly string[] = []) =>
  valuesOf(fields(properties, required), inputs).values;

describe("a form's fields", () => {
  it.each([
    [{ type: "string" }, "line"],
    [{ type: "string", maxLength: 2000 }, "lines"],
    [{ type: "string", default: "two\nlines" }, "lines"],
    [{ type: "string", format: "email" }, "email"],
    [{ type: "string", format: "uri" }, "url"],
    [{ type: "string", enum: ["a"] }, "choice"],
    [{ type: "number" }, "number"],
    [{ type: "integer" }, "integer"],
    [{ type: "boolean" }, "flag"],
    [{ type: "array", items: { enum: ["a"] } }, "choices"],
    [{ type: "array", items: { type: "string" } }, "parts"],
    [{ type: "object", properties: { a: { type: "string" } } }, "parts"],
    [{ type: ["integer", "string"] }, "either"],
    [{ type: "string", format: "decimal" }, "decimal"],
    [{}, "line"],
  ])("of %j are of the kind %s", (property, kind) => {
    expect(fields({ x: property })[0]?.kind).toBe(kind);
  });

  const limits = (property: object) => fields({ x: property })[0]?.limits;

  // Those of files are shown by their own script (`files.test.ts`).
  const drawnHere = goldenFields.filter(
    ({ property }) => !("format" in property && property.format === "file"),
  );

  it.each(drawnHere)("show the limit of $property as the server names it", (golden) => {
    expect(limits(golden.property)).toBe(golden.limits);
  });

  it("show both limits of a range", () => {
    expect(limits({ type: "integer", minimum: 1, maximum: 9 })).toBe("1 to 9");
    expect(limits({ type: "string", minLength: 0, maxLength: 5 })).toBe("0 to 5 characters");
  });
});

describe("a form's values", () => {
  it("are what the schema says when nobody touches it, to the last letter", () => {
    const properties = {
      at: { type: "string", format: "date-time", default: "2026-01-01T00:00:00.123456+02:00" },
      wake: { type: "string", format: "time", default: "07:30:00Z" },
      rate: { type: "number", default: 1.5 },
      none: { type: "string", default: null },
      empty: { type: "string", default: "" },
      tags: { type: "array", items: { enum: ["a", "b"] }, default: ["b"] },
      open: { type: "string" },
    };
    expect(values(properties, {})).toEqual({
      at: "2026-01-01T00:00:00.123456+02:00",
      wake: "07:30:00Z",
      rate: 1.5,
      empty: "",
      tags: ["b"],
    });
    expect(isChanged(fields(properties), {})).toBe(false);
  });

  it.each([
    [{ type: "number" }, " 1.5 ", 1.5],
    [{ type: "integer" }, "many", "many"],
    [{ type: "integer" }, " ", undefined],
    [{ type: "boolean" }, "false", false],
    [{ type: "boolean", default: false }, true, true],
    [{ type: "string", default: "words" }, "", ""],
    [{ type: "string" }, "", undefined],
    [{ type: "string" }, " kept ", " kept "],
    [{ type: "string", format: "email" }, " a@b.c ", "a@b.c"],
    [{ type: "string", format: "time", default: "07:30:00Z" }, "08:00", "08:00:00Z"],
    [{ type: "string", format: "time-local" }, "08:00", "08:00:00"],
    [{ type: "string", format: "date-time-local" }, "2026-05-01T10:00", "2026-05-01T10:00"],
    [{ type: "array", items: { enum: ["a"] } }, [], undefined],
    [{ type: "string", format: "decimal" }, " 12.50 ", "12.50"],
    [{ type: ["integer", "string"] }, "12", 12],
    [{ type: ["integer", "string"] }, "1.5", "1.5"],
    [{ type: ["number", "string"] }, "1.5", 1.5],
    [{ type: ["integer", "string"] }, "window", "window"],
    [{ type: ["boolean", "integer"] }, "true", true],
    [{ type: "array", items: { type: "string" } }, '["a"]', ["a"]],
    [{ type: "integer", default: 3 }, "", null],
    [{ type: "string", format: "date", default: "2026-05-01" }, "", null],
    [{ type: "string", enum: ["a", "b"], default: "a" }, "", null],
    [{ type: "string", minLength: 1, default: "words" }, "", null],
    [{ type: "array", items: { enum: ["a"] }, minItems: 1, default: ["a"] }, [], null],
    [{ type: "array", items: { enum: ["a"] }, default: ["a"] }, [], []],
  ])("of %j filled with %j are %j", (property, input, value) => {
    expect(values({ x: property }, { x: input }).x).toEqual(value);
  });

  it("give a moment its zone, and show it by the reader's clock", () => {
    const property = { type: "string", format: "date-time" };
    const [field] = fields({ x: { ...property, default: "2026-01-01T10:00:00Z" } });
    const shown = field === undefined ? "" : String(initialInput(field));
    expect(new Date(shown).toISOString()).toBe("2026-01-01T10:00:00.000Z");
    expect(values({ x: property }, { x: shown })).toEqual({ x: "2026-01-01T10:00:00.000Z" });
  });

  it("hold an empty list where one has to be", () => {
    const tags = { type: "array", items: { enum: ["a"] } };
    expect(values({ tags }, {}, ["tags"])).toEqual({ tags: [] });
    expect(values({ tags }, {})).toEqual({});
  });
});

describe("a required field", () => {
  it("is left out when it is emptied, so that the server names it", () => {
    expect(values({ n: { type: "integer", default: 3 } }, { n: "" }, ["n"])).toEqual({});
  });
});

describe("a moment", () => {
  it.each([
    [{ format: "date-time-local" }, "without a time zone"],
    [{ format: "time-local" }, "without a time zone"],
    [{ format: "time", default: "07:30:00Z" }, "time zone UTC"],
    [{ format: "time", default: "07:30:00+02:00" }, "time zone UTC+02:00"],
    [{ format: "date-time" }, "your time zone ("],
    [{ format: "date" }, ""],
  ])("of %j says which zone it is in", (property, said) => {
    expect(fields({ x: { type: "string", ...property } })[0]?.limits).toContain(said);
  });

  it("without a zone is shown as it came, whatever the reader's clock", () => {
    const property = { type: "string", format: "date-time-local", default: "2026-05-01T10:00:00" };
    const [field] = fields({ x: property });
    expect(field && initialInput(field)).toBe("2026-05-01T10:00");
  });
});

describe("a field with parts", () => {
  const list = { type: "array", items: { type: "object", properties: { n: { type: "integer" } } } };
  const filled = (input: string) => valuesOf(fields({ rows: list }), { rows: input });

  it("is sent even if it is empty where it is required", () => {
    const part = { type: "object", properties: {} };
    expect(values({ list, part }, {}, ["list", "part"])).toEqual({ list: [], part: {} });
    expect(values({ list, part }, {})).toEqual({});
  });

  it("is not sent if its text is no JSON, or has a number that no browser sends exactly", () => {
    expect(filled("[{").errors).toEqual([{ field: "values.rows", message: "is not valid JSON" }]);
    expect(filled('[{"n": 1}, {"n": 12345678901234567890}]').errors).toMatchObject([
      { field: "values.rows.1.n" },
    ]);
    expect(filled('[{"n": 1}]')).toEqual({ values: { rows: [{ n: 1 }] }, errors: [] });
  });
});

describe("an error", () => {
  it("belongs to the field with the longest name that fits its path", () => {
    const form = fields({ a: { type: "array" }, "a.b": { type: "string" } });
    const errors = [
      { field: "values.a.0", message: "one" },
      { field: "values.a.b", message: "two" },
      { field: "values", message: "three" },
    ];
    expect(form.map((field) => errorsOf(field, form, errors))).toEqual([
      [{ field: "0", message: "one" }],
      [{ field: "", message: "two" }],
    ]);
  });
});
