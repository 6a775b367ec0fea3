/**
 * Entry of what every card of a kernel carries: a few lines that get the card's script (`widget.ts`)
 * from the one widget of the kernel that holds it.
 *
 * anywidget sends a widget's script with each widget, and evaluates it anew for each. That of a card
 * is 170 kB: a notebook with a hundred questions would hold it a hundred times.
 */

/** What is used of ipywidgets' model and manager, which anywidget hands on. */
interface Script {
  get(trait: "code"): unknown;
}
interface Context {
  model: {
    get(trait: "script"): unknown;
    widget_manager: { get_model(id: string): Promise<Script> };
  };
}
interface Card {
  default: { render(context: Context): () => void };
}

const REFERENCE = "IPY_MODEL_";

/** The scripts of this page by the model that holds them; this module is evaluated for each card. */
const loaded = shared("crewai-hitl/card-scripts", () => new Map<string, Promise<Card>>());

function shared<T>(name: string, make: () => T): T {
  const page = globalThis as unknown as Record<symbol, T>;
  const key = Symbol.for(name);
  page[key] ??= make();
  return page[key];
}

async function load({ model }: Context): Promise<Card> {
  const id = String(model.get("script")).replace(REFERENCE, "");
  const known = loaded.get(id);
  if (known !== undefined) return known;
  const loading = model.widget_manager.get_model(id).then(evaluate);
  loaded.set(id, loading);
  loading.catch(() => loaded.delete(id)); // the next card asks again
  return loading;
}

async function evaluate(script: Script): Promise<Card> {
  const url = URL.createObjectURL(
    new Blob([String(script.get("code"))], { type: "text/javascript" }),
  );
  return import(url); // not revoked: the script is its own worker as well
}

async function render(context: Context): Promise<() => void> {
  return (await load(context)).default.render(context);
}

export default { render };
