/**
 * Where the server is and which headers a call needs.
 *
 * The only module that reads the page: JupyterLab's and Notebook's configuration, the inbox
 * page's own attributes, the cookie. A Jupyter page always has the server's origin, so the cookie
 * authenticates the WebSocket as it does JupyterLab's own. Every `fetch` carries `X-XSRFToken`,
 * which JupyterHub requires for GET as well, and the page's token where it has one.
 */
import type { Channel } from "./channel";
import type { Transport } from "./resume";

const EXTENSION_PATH = "crewai-hitl/";

const IDENTITY_PATH = "api/me";

/** Where a Jupyter server, and our own, serve an extension's files, below the base URL. */
const STATIC_PATH = "static/crewai_hitl_nb/";

export interface Endpoint {
  /** Absolute URL of the prefix, with a closing slash. */
  readonly prefix: string;
  /** Absolute URL of the Jupyter server's own resource for who the caller is; none elsewhere. */
  readonly identity?: string;
  /** Headers for every `fetch`, read each time because the cookie changes at login. */
  headers(): Record<string, string>;
  /** The transports to try, best first; by default those of a page of the server's own. */
  readonly transports?: readonly Transport[];
  /** Makes the calls instead of the browser's `fetch`. */
  readonly fetch?: (url: URL, init: RequestInit) => Promise<Response>;
  /** The connection through the kernel, for the comm transport. */
  readonly channel?: Channel;
}

/** Return the endpoint that the page names, or null when it is not a Jupyter page. */
export function pageEndpoint(page: Document = document): Endpoint | null {
  const own = page.body?.dataset.prefix;
  if (own !== undefined) return endpoint(page, own, page.body.dataset.identity ?? "", "");
  const config = jupyterConfig(page);
  if (config === null) return null;
  const base = config.baseUrl.replace(/\/*$/, "/");
  return endpoint(page, base + EXTENSION_PATH, base + IDENTITY_PATH, config.token);
}

/** Return the URL of a built file beside the inbox page, or null outside Jupyter. */
export function builtFileUrl(name: string, page: Document = document): URL | null {
  const base = page.body?.dataset.base ?? jupyterConfig(page)?.baseUrl;
  if (base === undefined) return null;
  return new URL(`${base.replace(/\/*$/, "/")}${STATIC_PATH}${name}`, page.baseURI);
}

/** Return an option of JupyterLab's page, or an empty text. */
export function pageOption(name: string, page: Document = document): string {
  const option = pageConfig(page)?.[name];
  return typeof option === "string" ? option : "";
}

/** Return a stream's or a resource's URL; parameters that are null are left out. */
export function urlOf(
  endpoint: Endpoint,
  path: string,
  parameters: Readonly<Record<string, string | null>> = {},
): URL {
  const url = new URL(path, endpoint.prefix);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
}

/** Return the same URL for a WebSocket. */
export function socketUrl(url: URL): URL {
  const socket = new URL(url);
  socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return socket;
}

function endpoint(page: Document, prefix: string, identity: string, token: string): Endpoint {
  return {
    prefix: new URL(prefix, page.baseURI).href,
    ...(identity === "" ? {} : { identity: new URL(identity, page.baseURI).href }),
    headers() {
      const headers: Record<string, string> = {};
      const xsrf = cookie(page, "_xsrf");
      if (xsrf !== null) headers["X-XSRFToken"] = xsrf;
      if (token !== "") headers.Authorization = `token ${token}`;
      return headers;
    },
  };
}

function jupyterConfig(page: Document): { baseUrl: string; token: string } | null {
  const config = pageConfig(page);
  if (typeof config?.baseUrl !== "string") return null;
  return { baseUrl: config.baseUrl, token: typeof config.token === "string" ? config.token : "" };
}

function pageConfig(page: Document): Record<string, unknown> | null {
  const text = page.getElementById("jupyter-config-data")?.textContent;
  if (!text) return null;
  const config: unknown = JSON.parse(text);
  return typeof config === "object" && config !== null ? { ...config } : null;
}

function cookie(page: Document, name: string): string | null {
  const found = page.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found === undefined ? null : decodeURIComponent(found.slice(name.length + 1));
}
