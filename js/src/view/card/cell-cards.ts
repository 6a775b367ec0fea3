/** Registry of the questions that have a card in a cell of this page's notebooks. */
import type { HumanInputRequired } from "../../protocol/gen";

export class CellCards {
  private readonly held = new Set<HumanInputRequired>();
  private readonly listeners = new Set<() => void>();

  /** Register a card; the returned function removes it. */
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

  /** Whether this is the latest question of its run that has a card. */
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
