/** The empty state of a filtered list. */
export function NothingFound({ onClear, children }: { onClear: () => void; children?: string }) {
  return (
    <div class="chitl-nothing" data-testid="hitl-nothing-found">
      <p>{children ?? "No matches."}</p>
      <button type="button" class="chitl-button" onClick={onClear}>
        Clear search and filters
      </button>
    </div>
  );
}
