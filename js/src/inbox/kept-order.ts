/** The order of the list that a person has chosen, kept in this browser. */
import { isOrder, type Order } from "./order";

const ORDER_KEY = "crewai-hitl/order";

/** Return the order that this person has chosen for the pending requests. */
export function readOrder(): Order {
  try {
    const kept = localStorage.getItem(ORDER_KEY);
    return isOrder(kept) ? kept : "oldest";
  } catch {
    return "oldest"; // storage is forbidden in some frames
  }
}

/** Keep it; where storage is forbidden it lasts as long as the page. */
export function keepOrder(order: Order): void {
  try {
    localStorage.setItem(ORDER_KEY, order);
  } catch {
    // The order then lasts as long as the page.
  }
}
