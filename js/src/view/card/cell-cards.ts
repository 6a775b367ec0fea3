/** Which questions have a card in a cell of this page: a notebook's, not the panel's. */
import type { HumanInputRequired } from "../../protocol/gen";

export class CellCards {
  private readonly held = new Set<HumanInputRequired>();
  private readonly listeners = new Set<() => void>();

  /** A card is drawn; call what is returned when it is taken away. */
  add(required: HumanInputRequired): () => void {
    this.held.add(required);
    this.changed();
    return () => {
      this.held.delete(required);
      this.changed();
    };
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  has(requestId: string): boolean {
    return [...this.held].some((required) => required.request_id === requestId);
  }

  /** Whether no card of the same run asks later than this one. */
  isLast({ execution_id, timestamp }: HumanInputRequired): boolean {
    return ![...this.held].some(
      (other) =>
        other.execution_id === execution_id && Date.parse(other.timestamp) > Date.parse(timestamp),
    );
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
