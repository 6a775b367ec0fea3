/** The endpoint of a page that cannot reach the server: calls and streams go through the kernel. */
import { type Channel, newId } from "./channel";
import type { Endpoint } from "./endpoint";

export function kernelEndpoint(channel: Channel): Endpoint {
  // Each card has a comm, and so a client, of its own; no network ever sees the name.
  const prefix = `http://kernel-${newId()}.invalid/`;
  return { prefix, headers: () => ({}), fetch: channel.fetch, channel, transports: ["comm"] };
}
