/** The same parser, fetched from the server that a card streams from (`scripts/build.mjs`). */
import { builtFileUrl } from "../endpoint";

const url = builtFileUrl("inbox-event-parser.js"); // what the inbox page loads as well

export const { createParser }: typeof import("eventsource-parser") = await import(
  /* @vite-ignore */ url?.href ?? ""
);
