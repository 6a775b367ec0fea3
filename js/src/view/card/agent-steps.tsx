/** What the agent did before it asked: its calls of tools and models, folded. */
import { useState } from "preact/hooks";
import type { AgentStep } from "../../protocol/gen";

export function AgentSteps({ steps }: { readonly steps: readonly AgentStep[] }) {
  const [open, setOpen] = useState(false); // drawn only when they are seen
  const last = steps.at(-1);
  if (last === undefined) return null;
  return (
    <details
      class="chitl-fold"
      data-testid="hitl-steps"
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>Steps so far ({last.number})</summary>
      {open && (
        <ol class="chitl-steps" start={steps[0]?.number}>
          {steps.map((step) => (
            <Step key={step.number} step={step} />
          ))}
        </ol>
      )}
    </details>
  );
}

function Step({ step }: { readonly step: AgentStep }) {
  const { kind, name, input, output } = step;
  return (
    <li>
      {kind === "tool" ? "Called " : "Asked the model "}
      <bdi>
        <b>{name}</b>
      </bdi>
      {input !== "" && (
        <>
          {" "}
          <code dir="auto">{input}</code>
        </>
      )}
      {output !== "" && <div dir="auto">{output}</div>}
    </li>
  );
}
