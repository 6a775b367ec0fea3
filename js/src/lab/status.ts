/** The status bar's item: how many questions are waiting; a click opens the panel. */
import { Widget } from "@lumino/widgets";

export class StatusItem extends Widget {
  private readonly button: HTMLButtonElement;

  constructor(open: () => void) {
    super();
    this.addClass("chitl-status");
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.dataset.testid = "hitl-status";
    this.button.onclick = open;
    this.node.append(this.button);
    this.showCount(0);
  }

  showCount(count: number): void {
    this.button.textContent = `${count} waiting for you`;
    this.button.title = "Open the questions waiting for you";
    this.setHidden(count === 0); // the bar does not check this again by itself
  }
}
