/** Entry of the page *Insights*, beside the inbox page; its style sheet comes after that page's. */
import { render } from "preact";
import "../view/text/tame-text";
import { pageEndpoint } from "../client/endpoint";
import { InsightsPage } from "../view/insights/insights";

const endpoint = pageEndpoint();
const main = document.querySelector("main");
if (endpoint !== null && main !== null) render(<InsightsPage endpoint={endpoint} />, main);
