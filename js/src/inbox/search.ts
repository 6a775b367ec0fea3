/**
 * Which words find a request. Pure.
 *
 * The rule of the server's listing (`protocol/search.py`); `tests/fixtures/searches.json` tests
 * both. It searches what people wrote and read. It does not search ids, whose hex digits spell
 * words.
 */
import type { Request } from "../protocol/state";

/** Whether every word occurs in the request, also inside another word. */
export function isFound(request: Request, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = texts(request).filter(Boolean).join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function texts({ required, status, completion }: Request): readonly unknown[] {
  const { source } = required;
  const asked = [
    ...[status, required.kind.replaceAll("_", " "), required.assignee],
    ...[required.prompt, required.context],
    ...[source.crew_name, source.task_name, source.agent_role, source.flow_name],
    ...[source.tool_name, source.notebook, source.host],
    ...(required.response.options ?? []),
  ];
  if (completion?.type === "human_input_completed") {
    const { human_feedback, decision, answered_by, values } = completion;
    const filled = Object.values(values ?? {}).flat();
    const said = filled.filter((value) => typeof value === "string");
    return [...asked, human_feedback, decision, answered_by?.name, ...said];
  }
  if (completion?.type === "human_input_cancelled")
    return [...asked, completion.reason.replaceAll("_", " "), completion.message];
  return asked;
}
