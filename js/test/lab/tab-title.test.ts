/** The number of waiting questions in the title that JupyterLab keeps changing. */
import { describe, expect, it } from "vitest";
import { tabTitle } from "../../src/lab/tab-title";
import { until } from "../until";
import { page } from "../view/page";

describe("the browser tab", () => {
  it("shows how many wait, also after the application changes its title", async () => {
    page.title = "a.ipynb - JupyterLab";
    const show = tabTitle(page);
    show(2);
    expect(page.title).toBe("(2) a.ipynb - JupyterLab");
    page.title = "b.ipynb - JupyterLab";
    await until(() => page.title === "(2) b.ipynb - JupyterLab");
    show(0);
    expect(page.title).toBe("b.ipynb - JupyterLab");
    page.title = "(3) c.ipynb - JupyterLab"; // the file's own name
    show(1);
    expect(page.title).toBe("(1) (3) c.ipynb - JupyterLab");
  });
});
