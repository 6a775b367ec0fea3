/** The pill at a notebook's lower edge that leads to a question which is not in sight. */
import type { Cell, NotebookPanel } from "@jupyterlab/notebook";
import type { HumanInputRequired } from "../protocol/gen";
import { titleWords } from "../view/title";
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
    const text = `${asker(first.required)} asks${more}${ARROWS[first.where]}`;
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.title = `Go to the question: ${titleWords(first.required)}`;
  }
}

type Place = "above" | "below" | "folded" | "here";

const ARROWS = { above: " ↑", below: " ↓", folded: "" };

/** Return where a question's card is from what is in sight; null when it has no cell here. */
function whereIs(panel: NotebookPanel, required: HumanInputRequired): Place | null {
  const cells = panel.content.widgets;
  const index = cellOf(panel, required);
  const cell = cells[index];
  const view = boundsOf(panel.content.node);
  if (cell === undefined || view.height === 0) return null; // another tab is in front
  const card = cardIn(cell, required.request_id);
  if (card !== null && boundsOf(card).height > 0) return placeOf(boundsOf(card), boxOf(card, view));
  if (boundsOf(cell.node).height > 0) {
    const place = placeOf(boundsOf(cell.node), view);
    return place === "here" && cell.outputHidden ? "folded" : place;
  }
  // JupyterLab takes cells that are far away out of the page, and hides those below a folded heading.
  const drawn = (other: Cell) => placeOf(boundsOf(other.node), view) === "here";
  if (index < cells.findIndex(drawn)) return "above";
  return cells.slice(index).some(drawn) ? "folded" : "below";
}

/** Return the part of the view where a card can be seen: a cell's output may scroll by itself. */
function boxOf(card: HTMLElement, view: DOMRect) {
  const output = card.closest(".jp-mod-outputsScrolled .jp-OutputArea");
  if (output === null) return view;
  const { top, bottom } = boundsOf(output);
  return { top: Math.max(top, view.top), bottom: Math.min(bottom, view.bottom) };
}

function placeOf({ top, bottom }: DOMRect, box: Pick<DOMRect, "top" | "bottom">) {
  if (bottom <= box.top) return "above";
  return top >= box.bottom ? "below" : "here";
}

function boundsOf(element: Element): DOMRect {
  return element.getBoundingClientRect();
}
