/** The parser of Server-Sent Events: a page that has a WebSocket never loads it. */
export { createParser } from "eventsource-parser";
