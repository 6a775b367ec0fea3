/** Entry of the inbox page: all that waits, and the number of it in the title. */
import { pageEndpoint } from "./endpoint";
import { hold } from "./shared";
import { mountInbox } from "./view/mount";

const TITLE = document.title;

function start(): void {
  const endpoint = pageEndpoint();
  const host = document.querySelector("main");
  if (endpoint === null || host === null) return;
  mountInbox(host, "inbox", endpoint);
  const { client } = hold(endpoint);
  client.subscribe(() => {
    const count = client.all().filter(({ status }) => status === "pending").length;
    document.title = count === 0 ? TITLE : `(${count}) ${TITLE}`;
  });
}

start();
