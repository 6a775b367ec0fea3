/**
 * Entry of the small script in every card of a kernel: it gets the card's full script (`widget.ts`)
 * from the one widget that holds it.
 *
 * anywidget sends and evaluates the script separately for each widget. A card's script has 170 kB, so
 * a notebook with a hundred questions would hold it a hundred times.
 */

/** The parts of ipywidgets' model and manager, passed on by anywidget, that are used here. */
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

/** The page's loaded scripts by model id; global, as this module is evaluated for each card. */
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
  loading.catch(() => loaded.delete(id)); // the next card tries again
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
