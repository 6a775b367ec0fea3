/** What a card knows of files without the script that sends and shows them (`entries/files.tsx`). */

/** The media type of a file among a question's attachments. */
export const FILE = "application/vnd.crewai-hitl.file+json";

export const FILES_SCRIPT = "files.js";

/** What a card says where that script is out of reach, or the server. */
export const NO_FILES = "This page cannot send or save files. Answer from the inbox page.";
