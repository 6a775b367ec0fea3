/**
 * Entry of the worker that formats Markdown on the server's pages (`view/text/formatting.ts`).
 *
 * Where this file is out of reach, the widget's script is its own worker.
 */
import { serveFormatting } from "../view/text/formatting-worker";

serveFormatting();
