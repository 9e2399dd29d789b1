import { words } from "../words";
import { drainServer, type Server } from "./api";
import type { Attempt } from "./Operate";
import { Table } from "./Table";

/** The Tritons; the conversations of one that is drained leave it with their next clause. */
export function ServerTable(props: { servers: readonly Server[]; attempt: Attempt }) {
  const { servers, attempt } = props;
  const w = words().operate;
  const columns = [w.server, w.state, w.loadedModels, w.action];
  return (
    <section aria-labelledby="servers-name">
      <h2 id="servers-name">{w.servers}</h2>
      <Table id="servers" name={w.servers} columns={columns}>
        {servers.map((server) => (
          <Row key={server.name} server={server} attempt={attempt} />
        ))}
      </Table>
    </section>
  );
}

function Row({ server, attempt }: { server: Server; attempt: Attempt }) {
  const { name, draining, models } = server;
  const w = words().operate;
  const loaded = Object.keys(models).filter((model) => models[model]?.state === "resident");
  const label = draining ? w.undrainServer : w.drainServer;
  return (
    <tr data-draining={draining || undefined}>
      <th scope="row">{name}</th>
      <td>{draining ? w.draining : w.takes}</td>
      <td>{loaded.sort().join(", ")}</td>
      <td>
        <button
          className="plain"
          type="button"
          aria-label={`${label}: ${name}`}
          onClick={() => void attempt(() => drainServer(name, draining))}
        >
          {label}
        </button>
      </td>
    </tr>
  );
}
