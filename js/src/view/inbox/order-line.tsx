/** Below the search: how many requests there are, and their order. */
import { ORDERS, type Order } from "../../inbox/order";

interface Props {
  readonly found: number;
  readonly total: number;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

export function OrderLine({ found, total, order, onOrder }: Props) {
  return (
    <div class="chitl-order">
      <span data-testid="hitl-found" role="status">
        {found === total
          ? `${total} ${total === 1 ? "request" : "requests"}`
          : `${found} of ${total}`}
      </span>
      <select
        class="chitl-order-select"
        data-testid="hitl-order"
        aria-label="Order"
        value={order}
        onChange={(event) => onOrder(event.currentTarget.value as Order)}
      >
        {Object.entries(ORDERS).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
