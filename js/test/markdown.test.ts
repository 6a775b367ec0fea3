import createPurifier from "dompurify";
import { describe, expect, it } from "vitest";
import { safeMarkdown } from "../src/view/markdown";
import { page } from "./page";

/** What has broken sanitisers before: OWASP's and DOMPurify's corpora, in Markdown's clothes. */
const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "![x](x 'onerror=alert(1)')",
  '![" onerror="alert(1)](x)',
  '![x](https://e.org/"onerror="alert(1))',
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](vbscript:msgbox(1))",
  "[x](file:///etc/passwd)",
  "<javascript:alert(1)>",
  '<a href="javascript:alert(1)">x</a>',
  '<a href=" &#14; javascript:alert(1)">x</a>',
  '<a href="https://e.org" onclick="alert(1)" style="position:fixed;inset:0">x</a>',
  "<svg/onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><style><img src=x onerror=alert(1)></style></svg>",
  "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
  "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
  "<iframe src=javascript:alert(1)></iframe>",
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
  "<details open ontoggle=alert(1)>x</details>",
  "<body onload=alert(1)>",
  "<input autofocus onfocus=alert(1)>",
  "<form action=https://e.org><button>Accept</button></form>",
  "<button data-testid=hitl-accept>Accept</button>",
  "<style>.chitl-form{display:none}</style>",
  "<link rel=stylesheet href=https://e.org/x.css>",
  "<meta http-equiv=refresh content='0;url=https://e.org'>",
  "<base href=https://e.org/>",
  "<video src=https://e.org/x onerror=alert(1)></video><audio src=x onerror=alert(1)></audio>",
  "<p id=jupyter-config-data name=body class=chitl-error>x</p>",
  "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  "<template><img src=x onerror=alert(1)></template>",
  "<x-card onclick=alert(1)>x</x-card>",
  "```html\n<img src=x onerror=alert(1)>\n```",
  "`<script>alert(1)</script>`",
  "| <img src=x onerror=alert(1)> |\n|---|\n| <script>alert(1)</script> |",
  "<<script>script>alert(1)<</script>/script>",
  "<a href='https://e.org' target=_top rel=opener>x</a>",
  "<form><input name=childNodes><input name=parentNode><img src=x onerror=alert(1)></form>",
  "<form><input name=localName><input name=namespaceURI><p onclick=alert(1)>x</p></form>",
  "<form><input name=getAttribute><input name=nodeType><a href=javascript:alert(1)>x</a></form>",
  "<svg><a href=javascript:alert(1)><text>x</text></a></svg>",
  "<math href=javascript:alert(1)><mi>x</mi></math>",
  "<table><tr><td><svg><desc><td><img src=x onerror=alert(1)></td></desc></svg></td></tr></table>",
  "<code data-maths='block' onclick=alert(1)>x</code><code data-other=x>x</code>",
  "$\\href{javascript:alert(1)}{x}$",
];

/** What is safe, as text, for what a test can compare. */
function htmlOf(markdown: string): string {
  const host = page.createElement("div");
  host.append(safeMarkdown(markdown));
  return host.innerHTML;
}

const TAGS = new Set(
  "A BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR LI OL P PRE STRONG SUB SUP TABLE TBODY TD TH THEAD TR UL".split(
    " ",
  ),
);
const ATTRIBUTES = new Set(["href", "title", "start", "align", "target", "rel", "data-maths"]);

describe("a crew's Markdown", () => {
  it.each(HOSTILE)("can neither run nor load nor imitate: %s", (markdown) => {
    const host = safeMarkdown(markdown);
    for (const element of host.querySelectorAll("*")) {
      expect(TAGS).toContain(element.tagName);
      for (const { name } of element.attributes) expect(ATTRIBUTES).toContain(name);
    }
    for (const link of host.querySelectorAll("a[href]")) {
      expect(link.getAttribute("href")).toMatch(/^(https?|mailto):/i);
      expect(link.getAttribute("rel")).toBe("noopener noreferrer");
      expect(link.getAttribute("target")).toBe("_blank");
    }
  });

  it("leaves a sanitiser of its own nothing to take away", () => {
    const purifier = createPurifier(window);
    const hostile = HOSTILE.map(htmlOf).join("");
    expect(purifier.sanitize(hostile, { ADD_ATTR: ["target"] })).toBe(hostile);
  });

  it("keeps what makes a draft readable", () => {
    const html = htmlOf("# T\n\n*a* **b** `c`\n\n1. x\n\n> q\n\n| h |\n|---|\n| d |\n\n- [x] done");
    for (const tag of ["h1", "em", "strong", "code", "ol", "blockquote", "table", "td"]) {
      expect(html).toContain(`<${tag}`);
    }
    expect(html).toContain("☑ done");
  });

  it("shows an image as a link, because loading it would tell that somebody reads", () => {
    expect(htmlOf("![a chart](https://e.org/c.png)")).toBe(
      '<p><a href="https://e.org/c.png" target="_blank" rel="noopener noreferrer">a chart</a></p>\n',
    );
  });

  it("keeps a table's alignment, and the text of what it does not know", () => {
    const html = htmlOf("| a | b |\n|--:|---|\n| 1 | <x-card>2</x-card><br>3 |");
    expect(html).toContain('<th align="right">a</th>');
    expect(html).toContain("<td>2<br>3</td>");
  });

  it("gives up no word of a long text", () => {
    const text = "word ".repeat(10_000);
    expect(safeMarkdown(text).textContent?.match(/word/g)).toHaveLength(10_000);
  });
});
