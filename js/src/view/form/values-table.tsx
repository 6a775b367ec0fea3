/** A filled form as a table: one row for each value, with the old value where it changed. */
import type { JSX } from "preact";
import { fileWords, isFile } from "../../protocol/files";
import { Drawn } from "../text/drawn";
import { FILES_SCRIPT } from "../text/files";
import { LongText, useSome } from "../text/show-more";
import { type Field, fieldsOf } from "./fields";

/** What `entries/files.tsx` offers to show files. */
interface FilesScript {
  show(host: HTMLElement, value: unknown, text: string): void;
  remove(host: HTMLElement): void;
}

interface Props {
  readonly values: Readonly<Record<string, unknown>>;
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** Whether to compare with the schema's defaults, which were edited. */
  readonly compare: boolean;
}

export function ValuesTable({ values, schema, compare }: Props) {
  const fields = fieldsOf(schema ?? {});
  const known = new Map(fields.map((field) => [field.name, field]));
  const names = [...known.keys(), ...Object.keys(values).filter((name) => !known.has(name))];
  const [shownNames, more] = useSome(names, "values");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls (WCAG 2.1.1)
    <section class="chitl-scroll" aria-label="Values" tabIndex={0}>
      <table class="chitl-values" data-testid="hitl-values">
        <tbody>
          {shownNames.map((name) => (
            <tr key={name}>
              <th scope="row" dir="auto">
                {known.get(name)?.label ?? name}
              </th>
              <td dir="auto">
                <Value field={known.get(name)} now={values[name]} compare={compare} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more}
    </section>
  );
}

interface ValueProps {
  readonly field: Field | undefined;
  readonly now: unknown;
  readonly compare: boolean;
}

function Value({ field, now, compare }: ValueProps): JSX.Element {
  const [before, after] = [shown(field, field?.initial), shown(field, now)];
  const text = <LongText text={after} />;
  if (JSON.stringify(now)?.includes('"sha256":')) {
    return (
      <Drawn<FilesScript>
        file={FILES_SCRIPT}
        draw={(script, host) => script.show(host, now, after)}
        meanwhile={text}
      >
        {text}
      </Drawn>
    );
  }
  if (!compare || before === after) return text;
  return (
    <>
      <del>
        <LongText text={before} />
      </del>{" "}
      <ins>{text}</ins>
    </>
  );
}

function shown(field: Field | undefined, value: unknown): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isFile(value)) return fileWords(value);
  if (Array.isArray(value)) {
    const between = value.some((one) => typeof one === "object") ? "\n" : ", ";
    return value.map((one) => shown(field, one)).join(between) || "–";
  }
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([name, part]) => `${name.replaceAll("_", " ")}: ${shown(undefined, part)}`)
      .join(", ");
  }
  if (typeof value !== "string") return JSON.stringify(value);
  return field?.options.find((option) => option.value === value)?.label ?? value;
}
