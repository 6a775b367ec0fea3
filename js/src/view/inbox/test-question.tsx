/**
 * Asks oneself a question when nothing is pending, to see the whole way work.
 *
 * It is published like any crew's, by the right that the page's own login has, and ends after some
 * minutes if nobody answers it.
 */
import { useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Endpoint } from "../../client/endpoint";
import { post, type Reply } from "../../client/http";
import { useClient } from "../use-client";

interface Props {
  readonly client: Client;
  readonly endpoint: Endpoint;
  /** Whether nothing is pending. */
  readonly empty: boolean;
}

const EXPIRES_MS = 10 * 60_000;

export function TestQuestion({ client, endpoint, empty }: Props) {
  const [id, setId] = useState("");
  const [asking, setAsking] = useState(false);
  const [trouble, setTrouble] = useState("");
  const status = useClient(client, (known) => known.request(id)?.status);
  const live = useClient(client, (known) => known.connection.phase === "live");
  const ask = async () => {
    setAsking(true);
    setTrouble("");
    const question = questionAt(new Date(Date.now() + client.clockAheadMs));
    const reply = await post(endpoint, "events", question, {});
    if (reply.kind === "ok") setId(question.request_id);
    setTrouble(troubleOf(reply));
    setAsking(false);
  };
  return (
    <div class="chitl-test">
      {empty && live && (
        <button
          type="button"
          class="chitl-button"
          data-testid="hitl-test-question"
          disabled={asking}
          onClick={() => void ask()}
        >
          Ask me a test question
        </button>
      )}
      {trouble !== "" && (
        <p class="chitl-error" data-testid="hitl-test-trouble" role="alert">
          {trouble}
        </p>
      )}
      <p class="chitl-note" data-testid="hitl-test-note" role="status">
        {status === "answered" && WORKS}
      </p>
    </div>
  );
}

function questionAt(now: Date) {
  return {
    type: "human_input_required",
    request_id: `test-question-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
    kind: "task_feedback",
    prompt: "Is this test draft good?",
    context:
      "# A test question\n\nA crew's draft stands here. Accept it, or write what to change: no " +
      "crew waits for this one, and it ends by itself after ten minutes.",
    source: { agent_role: "Test", crew_name: "Your inbox" },
    response: { decisions: ["approve", "respond", "reject"], on_expiry: "fail" },
    expires_at: new Date(now.getTime() + EXPIRES_MS).toISOString(),
  };
}

const WORKS =
  "It works: your answer is in the server's log, and a crew that asked would continue with it.";

function troubleOf(reply: Reply): string {
  if (reply.kind === "ok") return "";
  if (reply.kind === "unreachable") return "The server cannot be reached. Try again in a moment.";
  const { status, message } = reply.refusal;
  return status === 401 || status === 403 ? FORBIDDEN : message;
}

const FORBIDDEN =
  "You do not have permission to ask questions on this server (its right “write”). To see one, " +
  'run hitl.ask("Can you see this?") in a notebook.';
