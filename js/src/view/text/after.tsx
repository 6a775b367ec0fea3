import { LongText } from "./show-more";

/** The later of two texts alone, where the script that compares them cannot be loaded. */
export function After({ after }: { readonly after: string }) {
  return (
    <p class="chitl-said" data-testid="hitl-after" dir="auto">
      <LongText text={after} />
    </p>
  );
}
