/**
 * Addresses: what the inbox page shows, and where a question's notebook is. Pure.
 *
 * `#request=<id>` shows one request, `#history` the closed ones, and neither the pending ones.
 * `?request=<id>` works as well, because some mail programs cut the fragment off.
 */
export type Place =
  | { readonly view: "pending" }
  | { readonly view: "history" }
  | { readonly view: "request"; readonly id: string };

export function placeOf(hash: string, search = ""): Place {
  const fragment = hash.replace(/^#/, "");
  if (fragment === "history") return { view: "history" };
  const id = new URLSearchParams(fragment).get("request");
  const asked = id ?? (fragment === "" ? new URLSearchParams(search).get("request") : null);
  return asked ? { view: "request", id: asked } : { view: "pending" };
}

export function hashOf(place: Place): string {
  switch (place.view) {
    case "pending":
      return "";
    case "history":
      return "#history";
    case "request":
      return `#request=${encodeURIComponent(place.id)}`;
  }
}

/**
 * Return a notebook's path as the Jupyter server names it, or null when it is not below its root.
 *
 * A kernel knows its notebook by the full path on its machine, and JupyterLab's root begins with
 * `~` for the home folder. A publisher may name any path; one that climbs out of the root would
 * make a link to anywhere on the server.
 */
export function contentsPath(notebook: string, root: string): string | null {
  const path = relativePath(notebook, root);
  return path?.split("/").includes("..") ? null : path;
}

function relativePath(notebook: string, root: string): string | null {
  const path = notebook.replaceAll("\\", "/");
  if (!/^(\/|[A-Za-z]:\/)/.test(path)) return path;
  const folder = root.replaceAll("\\", "/").replace(/\/+$/, "");
  if (folder.startsWith("~")) return belowHome(path, folder.slice(1));
  return folder !== "" && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : null;
}

/** The page does not know the home folder; it is /root, or a folder of /home or the like. */
function belowHome(path: string, folder: string): string | null {
  const home = /^(\/root|\/(?:home|Users)\/[^/]+|[A-Za-z]:\/Users\/[^/]+)(?=\/)/.exec(path)?.[0];
  const start = home === undefined ? "" : `${home}${folder}/`;
  return start !== "" && path.startsWith(start) ? path.slice(start.length) : null;
}

/** Return a path with each of its parts encoded for a URL. */
export function encodedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
