import { describe, expect, it } from "vitest";
import { crewsOf, facets, listingParameters, matches, NO_FILTERS } from "../../src/inbox/filters";
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

const CREWS = crewsOf([draft, mail, named]);

describe("filters", () => {
  it("find every word, wherever it stands", () => {
    const found = (text: string) => matches(draft, { ...NO_FILTERS, text }, CREWS);
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
    expect(matches(answered, { ...NO_FILTERS, text: "shorter" }, CREWS)).toBe(true);
  });

  it("hold together", () => {
    const filters = { ...NO_FILTERS, kind: "tool_approval", assignee: "ada" };
    expect([draft, mail, named].filter((one) => matches(one, filters, CREWS))).toEqual([mail]);
    expect(matches(mail, { ...filters, assignee: "grace" }, CREWS)).toBe(false);
  });

  it("are offered where they tell requests apart, and where they are in use", () => {
    expect(facets([draft], NO_FILTERS, CREWS)).toEqual([]);
    const offered = facets([draft, mail, named], { ...NO_FILTERS, notebook: "gone.ipynb" }, CREWS);
    expect(offered.map(({ field }) => field)).toEqual(["kind", "crew", "notebook"]);
    expect(offered[1]?.values.map(({ label }) => label)).toEqual(["mail", "No id", "Notes"]);
    expect(offered[2]?.values.map(({ value }) => value)).toContain("gone.ipynb");
  });

  it("name a crew once, however many ids its kernels gave it", () => {
    const fourteen = Array.from({ length: 14 }, (_, number) =>
      request(`notes-${number}`, { crew_id: `id-${number}`, source: { crew_name: "Notes" } }),
    );
    const all = [...fourteen, mail, request("by id alone", { crew_id: "id-3" })];
    const crews = crewsOf(all);
    const crew = facets(all, NO_FILTERS, crews).find(({ field }) => field === "crew");
    expect(crew?.values.map(({ label }) => label)).toEqual(["mail", "Notes"]);
    const filters = { ...NO_FILTERS, crew: "Notes" };
    expect(all.filter((one) => matches(one, filters, crews))).toHaveLength(15);
    expect(listingParameters(filters, crews)).toEqual({ q: "Notes" });
  });

  it("group runs by their crew, and tell notebooks of one name apart", () => {
    const run = (id: string, crew: string, notebook: string) =>
      request(id, { execution_id: `run-${id}`, source: { crew_name: crew, notebook } });
    const all = [run("1", "Notes", "a/x.ipynb"), run("2", "Mail", "b/x.ipynb"), named];
    const found = facets(all, NO_FILTERS, crewsOf(all));
    const runs = found.find(({ field }) => field === "execution")?.values;
    expect(runs?.map(({ group }) => group)).toEqual(["Mail", "No id", "Notes"]);
    const notebooks = found.find(({ field }) => field === "notebook")?.values;
    expect(notebooks?.map(({ label }) => label)).toEqual([
      "x.ipynb (a/x.ipynb)",
      "x.ipynb (b/x.ipynb)",
    ]);
  });

  it("go to the server as far as its listing knows them", () => {
    const filters = { ...NO_FILTERS, kind: "question", execution: "run-1" };
    expect(listingParameters(filters, CREWS)).toEqual({ kind: "question", execution_id: "run-1" });
    expect(listingParameters({ ...NO_FILTERS, crew: "Notes" }, CREWS)).toEqual({
      crew_id: "notes",
    });
  });

  it("go into the server's search where its listing has no such filter", () => {
    const q = (filters: Partial<typeof NO_FILTERS>) =>
      listingParameters({ ...NO_FILTERS, ...filters }, CREWS).q;
    expect(q({ text: "shorter ", crew: "No id" })).toBe("shorter No id");
    expect(q({ notebook: "my reports/a.ipynb" })).toBe("my reports/a.ipynb");
    expect(q({ text: "x", notebook: "a".repeat(300) })).toBe("x"); // the rest is checked here
    expect(q({})).toBeUndefined();
  });
});
