/** The card's own MIME type (`crewai_hitl_nb/widget/bundle.py`). */
export const MIME_TYPE = "application/vnd.crewai-hitl.request+json";

/** The view of an ipywidget. */
export const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";
