/** The number of waiting questions before the title of the browser's tab. */

const COUNT = /^\(\d+\) /;

/** Return a function that shows a number there, also after the application changes its title. */
export function tabTitle(page: Document): (count: number) => void {
  let shown = 0;
  const show = () => {
    const plain = page.title.replace(COUNT, "");
    const title = shown === 0 ? plain : `(${shown}) ${plain}`;
    if (page.title !== title) page.title = title;
  };
  const changes = { childList: true, subtree: true, characterData: true };
  new MutationObserver(show).observe(page.head, changes);
  return (count) => {
    shown = count;
    show();
  };
}
