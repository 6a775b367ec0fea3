/** The number of waiting questions before the title of the browser's tab. */

/** Return a function that shows a number there, also after the application changes its title. */
export function tabTitle(page: Document): (count: number) => void {
  let [shown, written] = ["", ""];
  const show = () => {
    const { title } = page;
    const plain = title.startsWith(written) ? title.slice(written.length) : title;
    written = shown;
    if (title !== shown + plain) page.title = shown + plain;
  };
  const changes = { childList: true, subtree: true, characterData: true };
  new MutationObserver(show).observe(page.head, changes);
  return (count) => {
    shown = count === 0 ? "" : `(${count}) `;
    show();
  };
}
