/**
 * Entry of the worker that formats Markdown, for pages of the server's own (`view/formatting.ts`).
 *
 * The widget's script serves as its own worker, where no such file can be had.
 */
import { serveFormatting } from "../view/text/formatting-worker";

serveFormatting();
