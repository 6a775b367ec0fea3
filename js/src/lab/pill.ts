/** The pill at a notebook's lower edge that leads to a question which is not in sight. */
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { HumanInputRequired } from "../protocol/gen";
import { asker } from "../view/words";
import { cardIn, cellOf, reveal } from "./cells";

export class Pill {
  private readonly button = document.createElement("button");
  private target: HumanInputRequired | null = null;

  constructor(private readonly panel: NotebookPanel) {
    this.button.type = "button";
    this.button.dataset.testid = "hitl-pill";
    this.button.onclick = () => {
      if (this.target !== null) void reveal(this.panel, this.target);
    };
    const place = document.createElement("div");
    place.className = "chitl-pill";
    place.setAttribute("role", "status");
    place.append(this.button);
    panel.node.append(place);
  }

  /** Show the first of the pending questions that is not in sight, if there is one. */
  look(pending: readonly HumanInputRequired[]): void {
    const away = pending.flatMap((required) => {
      const where = whereIs(this.panel, required);
      return where === null || where === "here" ? [] : [{ required, where }];
    });
    const [first] = away;
    this.target = first?.required ?? null;
    this.button.hidden = first === undefined;
    if (first === undefined) return;
    const more = away.length > 1 ? ` (${away.length})` : "";
    const text = `${asker(first.required).name} asks${more} ${first.where === "above" ? "↑" : "↓"}`;
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.title = "Go to the question";
  }
}

/** Return where a question's card is from what is in sight; null when it has no cell here. */
function whereIs(panel: NotebookPanel, required: HumanInputRequired) {
  const index = cellOf(panel, required);
  const cell = panel.content.widgets[index];
  if (cell === undefined) return null;
  const view = panel.content.node.getBoundingClientRect();
  const shown = cardIn(cell, required.request_id) ?? (cell.node.isConnected ? cell.node : null);
  if (shown !== null) {
    const { top, bottom, height } = shown.getBoundingClientRect();
    if (height === 0) return null; // its output is folded, or not drawn yet
    if (bottom <= view.top) return "above";
    return top >= view.bottom ? "below" : "here";
  }
  // JupyterLab takes cells that are far away out of the page.
  const first = panel.content.widgets.findIndex(
    ({ node }) => node.isConnected && node.getBoundingClientRect().bottom > view.top,
  );
  return index < first ? "above" : "below";
}
