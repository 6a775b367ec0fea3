/**
 * Copies JupyterLab's settings to where every card reads them.
 *
 * In JupyterLab they are changed in the settings editor; `preferences.ts` stores them for cards of
 * other bundles. Without a registry the browser's stored preferences stay as they are.
 */
import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { askToNotify } from "../inbox/attention";
import { preferencesFrom, readPreferences, writePreferences } from "../inbox/preferences";

/** The plugin's id, and the name of its schema. */
export const PLUGIN_ID = "crewai-hitl-nb:panel";

export type Side = "left" | "right";

/** Follow the settings; `onSide` is called with the panel's side, first before this returns. */
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
    // The browser asks for permission only after a click, as one in the settings editor.
    if (next.notifications && !readPreferences().notifications) void askToNotify();
    writePreferences(next);
    onSide(settings.composite.side === "left" ? "left" : "right");
  };
  // The inbox page's preferences apply here, except where JupyterLab has its own.
  take({ ...readPreferences(), ...settings.user });
  settings.changed.connect(() => take(settings.composite));
}
