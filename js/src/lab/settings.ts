/**
 * JupyterLab's settings, handed on to where every card reads them.
 *
 * The settings editor is the place to change them here; `preferences.ts` keeps them for cards
 * that come from other bundles. Without a registry what the browser keeps is left as it is.
 */
import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { askToNotify } from "../inbox/attention";
import { preferencesFrom, readPreferences, writePreferences } from "../inbox/preferences";

/** The plugin's id, and the name of its schema. */
export const PLUGIN_ID = "crewai-hitl-nb:panel";

export type Side = "left" | "right";

/** Follow the settings; `onSide` hears where the panel shall stand, at first before this returns. */
export async function followSettings(
  registry: ISettingRegistry | null,
  onSide: (side: Side) => void,
): Promise<void> {
  const settings = await registry?.load(PLUGIN_ID).catch(() => undefined);
  if (settings === undefined) {
    onSide("right"); // no registry, or a host that did not ship the schema
    return;
  }
  const take = (raw: object) => {
    const next = preferencesFrom(raw);
    // The browser asks for the right only after a click; the settings editor's is one.
    if (next.notifications && !readPreferences().notifications) void askToNotify();
    writePreferences(next);
    onSide(settings.composite.side === "left" ? "left" : "right");
  };
  // What was set on the inbox page holds here too, unless it was set here as well.
  take({ ...readPreferences(), ...settings.user });
  settings.changed.connect(() => take(settings.composite));
}
