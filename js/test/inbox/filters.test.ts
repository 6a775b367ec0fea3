import { describe, expect, it } from "vitest";
import { facets, listingParameters, matches, NO_FILTERS } from "../../src/inbox/filters";
import { type Request, requestFromListing } from "../../src/protocol/state";

function request(id: string, fields: object = {}): Request {
  const made = requestFromListing({
    event_id: id,
    request_id: id,
    prompt: "Good?",
    timestamp: "2026-11-22T01:00:00Z",
    status: "pending",
    claimed_by: null,
    completion: null,
    ...fields,
  });
  if (made === null) throw new Error("not a request");
  return made;
}

const draft = request("draft", {
  kind: "task_feedback",
  crew_id: "notes",
  context: "About the Budget",
  source: { crew_name: "Notes", agent_role: "Writer", notebook: "/home/ada/notes.ipynb" },
});
const mail = request("mail", { kind: "tool_approval", crew_id: "mail", assignee: "ada" });
const named = request("named", { source: { crew_name: "No id" }, execution_id: "run-12345678" });

describe("filters", () => {
  it("find every word, wherever it stands", () => {
    const found = (text: string) => matches(draft, { ...NO_FILTERS, text });
    expect(found("budget WRITER")).toBe(true);
    expect(found("notes.ipynb")).toBe(true);
    expect(found("task feedback")).toBe(true);
    expect(found("budget mail")).toBe(false);
  });

  it("find the words of an answer", () => {
    const answered = request("answered", {
      status: "answered",
      completion: {
        type: "human_input_completed",
        event_id: "c",
        request_id: "answered",
        timestamp: "2026-11-22T01:00:00Z",
        human_feedback: "Shorter, please",
      },
    });
    expect(matches(answered, { ...NO_FILTERS, text: "shorter" })).toBe(true);
  });

  it("hold together", () => {
    const filters = { ...NO_FILTERS, kind: "tool_approval", assignee: "ada" };
    expect([draft, mail, named].filter((one) => matches(one, filters))).toEqual([mail]);
    expect(matches(mail, { ...filters, assignee: "grace" })).toBe(false);
  });

  it("are offered where they tell requests apart, and where they are in use", () => {
    expect(facets([draft], NO_FILTERS)).toEqual([]);
    const offered = facets([draft, mail, named], { ...NO_FILTERS, notebook: "gone.ipynb" });
    expect(offered.map(({ field }) => field)).toEqual(["kind", "crew", "notebook"]);
    expect(offered[1]?.values.map(({ label }) => label)).toEqual(["mail", "No id", "Notes"]);
    expect(offered[2]?.values.map(({ value }) => value)).toContain("gone.ipynb");
  });

  it("go to the server as far as its listing knows them", () => {
    const all = [draft, mail, named];
    const filters = { ...NO_FILTERS, kind: "question", execution: "run-1" };
    expect(listingParameters(filters, all)).toEqual({ kind: "question", execution_id: "run-1" });
    expect(listingParameters({ ...NO_FILTERS, crew: "notes" }, all)).toEqual({ crew_id: "notes" });
  });

  it("go into the server's search where its listing has no such filter", () => {
    const q = (filters: Partial<typeof NO_FILTERS>) =>
      listingParameters({ ...NO_FILTERS, ...filters }, [draft, mail, named]).q;
    expect(q({ text: "shorter ", crew: "No id" })).toBe("shorter No id");
    expect(q({ notebook: "my reports/a.ipynb" })).toBe("my reports/a.ipynb");
    expect(q({ text: "x", notebook: "a".repeat(300) })).toBe("x"); // the rest is checked here
    expect(q({})).toBeUndefined();
  });
});
