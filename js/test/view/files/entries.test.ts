import { describe, expect, it } from "vitest";
import { fileWords, isFile } from "../../../src/protocol/files";
import {
  entriesOf,
  jsonOf,
  takenBy,
  takenWords,
  withFile,
  wrongWith,
} from "../../../src/view/files/entries";
import { shortened } from "../../../src/view/files/row";
import { filesIn } from "../../../src/view/files/shown";
import { fieldsOf, valuesOf } from "../../../src/view/form/fields";
import { goldenFields } from "../../protocol/golden";

const MOST = 8_388_608;

const file = (name: string, size = 12_345) => ({
  name,
  media_type: "text/csv",
  size,
  sha256: "0".repeat(64),
});

const golden = goldenFields.filter(
  ({ property }) => "accept" in property || "maxBytes" in property,
);

describe("the name of a file", () => {
  it("is shown with its end when it is long", () => {
    expect(shortened("sales.csv")).toBe("sales.csv");
    expect(shortened(`${"📎".repeat(200)}.pdf.exe`)).toBe(
      `${"📎".repeat(50)}…${"📎".repeat(12)}.pdf.exe`,
    );
  });
});

describe("a field for files", () => {
  it.each(golden)("says what it takes as the server does: $limits", ({ property, limits }) => {
    const words = takenWords(takenBy({ ...property }, MOST, 32));
    expect(words.split(" · ")).toContain(limits);
  });

  it.each(golden)("refuses a file in the words of the server: $message", (one) => {
    const { name, media_type: type, size } = one.value as ReturnType<typeof file>;
    const taken = takenBy({ ...one.property }, MOST, 32);
    expect(wrongWith({ name, type, size }, taken)).toBe(one.message);
  });

  it("takes what it asks for", () => {
    const taken = takenBy({ type: "object", accept: [".CSV", "image/*"] }, MOST, 32);
    expect(wrongWith({ name: "A.csv", type: "", size: 0 }, taken)).toBe("");
    expect(wrongWith({ name: "a", type: "image/png", size: MOST }, taken)).toBe("");
    expect(wrongWith({ name: "a", type: "image/png", size: MOST + 1 }, taken)).toContain("at most");
  });

  it("has at most the files of its list, and those of a request", () => {
    const list = { type: "array", items: { type: "object", format: "file" } };
    expect(takenBy(list, MOST, 32).most).toBe(32);
    expect(takenBy({ ...list, maxItems: 3 }, MOST, 32).most).toBe(3);
    expect(takenBy({ type: "object", format: "file" }, MOST, 32).most).toBe(1);
  });
});

describe("the value of a field for files", () => {
  it("is read as it was written, with its uploads", () => {
    const entries = [file("a.csv"), { id: "7", name: "b.csv" }];
    expect(entriesOf(jsonOf(entries, true))).toEqual(entries);
    expect(entriesOf(jsonOf([file("a.csv")], false))).toEqual([file("a.csv")]);
    expect(jsonOf([], true)).toBe("");
    expect(entriesOf("no JSON")).toEqual([]);
  });

  it("has the file in the place of its upload, and the same file once", () => {
    const entries = [{ id: "7", name: "a.csv" }, file("b.csv")];
    expect(withFile(entries, "7", file("a.csv"))).toEqual([file("a.csv"), file("b.csv")]);
    expect(withFile(entries, "7", file("b.csv"))).toEqual([file("b.csv")]);
    expect(withFile(entries, "8", file("c.csv"))).toEqual(entries);
  });

  const field = { type: "object", format: "file" };
  const schema = { properties: { one: field, all: { type: "array", items: field } } };

  it("cannot be sent with a file that is not uploaded, however deep", () => {
    const nested = { type: "array", items: { type: "object", properties: { one: field } } };
    const fields = fieldsOf({ properties: { ...schema.properties, nested } });
    const uploading = jsonOf([{ id: "7", name: "b.csv" }], false);
    const inputs = { one: uploading, all: `[${uploading}]`, nested: `[{"one": ${uploading}}]` };
    expect(valuesOf(fields, inputs).errors.map((error) => error.field)).toEqual([
      "values.one",
      "values.all.0",
      "values.nested.0.one",
    ]);
  });

  it("is left out where there is no file, so that the server says what is required", () => {
    const fields = fieldsOf({ ...schema, required: ["one", "all"] });
    expect(valuesOf(fields, {})).toEqual({ values: { all: [] }, errors: [] });
  });
});

describe("a file", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 KB"],
    [1550, "1.5 KB"],
    [12_999, "12 KB"],
    [999_999, "999 KB"],
    [1_500_000, "1.5 MB"],
    [8_388_608, "8.3 MB"],
    [4_000_000_000, "4 GB"],
  ])("of %d bytes has %s", (size, words) => {
    expect(fileWords(file("sales.csv", size))).toBe(`sales.csv (${words})`);
  });

  it("is found at any depth of a value", () => {
    const value = { a: [{ b: file("b") }], c: file("c"), d: { ...file("d"), sha256: "short" } };
    expect(filesIn(value).map(({ name }) => name)).toEqual(["b", "c"]);
    expect(isFile(null)).toBe(false);
  });
});
