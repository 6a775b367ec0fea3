/** A filled form, to be read: one row for each value, and what it was before where it changed. */
import type { JSX } from "preact";
import { fieldsOf } from "./fields";

interface Props {
  readonly values: Readonly<Record<string, unknown>>;
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** Whether the schema's defaults are what was edited. */
  readonly compare: boolean;
}

export function Values({ values, schema, compare }: Props) {
  const fields = fieldsOf(schema ?? {});
  const known = new Map(fields.map((field) => [field.name, field]));
  const names = [...known.keys(), ...Object.keys(values).filter((name) => !known.has(name))];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide one scrolls (WCAG 2.1.1)
    <section class="chitl-scroll" aria-label="Values" tabIndex={0}>
      <table class="chitl-values" data-testid="hitl-values">
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <th scope="row" dir="auto">
                {known.get(name)?.label ?? name}
              </th>
              <td dir="auto">
                <Value now={values[name]} before={known.get(name)?.initial} compare={compare} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ValueProps {
  readonly now: unknown;
  readonly before: unknown;
  readonly compare: boolean;
}

function Value({ now, before, compare }: ValueProps): JSX.Element {
  if (!compare || JSON.stringify(now) === JSON.stringify(before)) return <>{shown(now)}</>;
  return (
    <>
      <del>{shown(before)}</del> <ins>{shown(now)}</ins>
    </>
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(shown).join(", ") || "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
