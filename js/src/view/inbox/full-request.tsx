/** One request in full: its card, its activity, and links. */
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { Card } from "../card/card";
import type { InboxHost } from "./host";
import { ItemLinks } from "./item";
import { Trail } from "./trail";

interface Props {
  readonly client: Client;
  readonly request: Request;
  readonly host: InboxHost;
}

export function FullRequest({ client, request, host }: Props) {
  return (
    <>
      <Card
        client={client}
        snapshot={request.required}
        via={host.via}
        alone={false}
        unfolded={true}
      />
      <Trail endpoint={host.endpoint} request={request} />
      <ItemLinks required={request.required} host={host} />
    </>
  );
}
