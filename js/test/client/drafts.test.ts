import { beforeEach, describe, expect, it, vi } from "vitest";

let keepDraft: typeof import("../../src/client/drafts").keepDraft;
let readDraft: typeof import("../../src/client/drafts").readDraft;
let endDraft: typeof import("../../src/client/drafts").endDraft;

/** Forget what the page knows, as a new page does. */
async function newPage() {
  vi.resetModules();
  ({ keepDraft, readDraft, endDraft } = await import("../../src/client/drafts"));
}

class MemoryStorage implements Storage {
  private readonly entries = new Map<string, string>();
  get length() {
    return this.entries.size;
  }
  clear = () => this.entries.clear();
  getItem = (key: string) => this.entries.get(key) ?? null;
  key = (index: number) => [...this.entries.keys()][index] ?? null;
  removeItem = (key: string) => void this.entries.delete(key);
  setItem = (key: string, value: string) => void this.entries.set(key, value);
}

const HERE = "http://127.0.0.1:8888/crewai-hitl/";

beforeEach(async () => {
  await newPage();
  vi.stubGlobal("localStorage", new MemoryStorage());
  vi.stubGlobal("sessionStorage", new MemoryStorage());
  vi.useRealTimers();
});

describe("a draft", () => {
  it("belongs to a request of one server, until it is taken away", async () => {
    keepDraft(HERE, "r1", { text: "Shorter" });
    sessionStorage.clear(); // the tab was closed
    await newPage();
    expect(readDraft(HERE, "r1")).toMatchObject({ text: "Shorter" });
    expect(readDraft(HERE, "r2")).toBeNull();
    expect(readDraft("http://127.0.0.1:8889/crewai-hitl/", "r1")).toBeNull();
    keepDraft(HERE, "r1", null);
    expect(readDraft(HERE, "r1")).toBeNull();
  });

  it("is one of the fifty newest, and no older than a month", async () => {
    vi.useFakeTimers({ now: new Date("2026-11-01T00:00:00Z") });
    keepDraft(HERE, "month old", { text: "x" });
    for (let number = 0; number < 60; number++) {
      vi.setSystemTime(new Date(Date.UTC(2026, 11, 5, 0, number)));
      keepDraft(HERE, `r${number}`, { text: "x" });
    }
    expect(localStorage).toHaveLength(50);
    await newPage();
    expect(readDraft(HERE, "month old")).toBeNull();
    expect(readDraft(HERE, "r9")).toBeNull();
    expect(readDraft(HERE, "r10")).not.toBeNull();
  });

  it("is this page's own, whatever another tab writes or storage refuses", async () => {
    keepDraft(HERE, "r1", { text: "mine" });
    localStorage.clear(); // as another tab may
    expect(readDraft(HERE, "r1")).toEqual({ text: "mine" });
    vi.spyOn(localStorage, "setItem").mockImplementation(() => {
      throw new Error("full");
    });
    keepDraft(HERE, "r2", { text: "no room" });
    expect(readDraft(HERE, "r2")).toEqual({ text: "no room" });
    await newPage();
    expect(readDraft(HERE, "r2")).toBeNull();
  });

  it("stays on the page alone once its request is closed", async () => {
    keepDraft(HERE, "r1", { text: "mine" });
    endDraft(HERE, "r1");
    expect(readDraft(HERE, "r1")).toEqual({ text: "mine" });
    await newPage();
    expect(readDraft(HERE, "r1")).toBeNull();
  });

  it("is kept for its tab alone if it is very large", () => {
    keepDraft(HERE, "r1", { text: "small" });
    keepDraft(HERE, "r1", { text: "w".repeat(100_000) });
    expect(localStorage).toHaveLength(0);
    expect(readDraft(HERE, "r1")).toMatchObject({ text: "w".repeat(100_000) });
  });
});
