/** Fetches a script that only some texts need, from the server's static path. */
import { builtFileUrl } from "../../client/endpoint";

/** Return the script's exports, or null where it is out of reach (VS Code, Colab). */
export async function importBuilt<T>(file: string): Promise<T | null> {
  const url = builtFileUrl(file);
  if (url === null) return null;
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ url.href)) as T;
  } catch {
    return null; // an older server does not have it, or it cannot be reached
  }
}
