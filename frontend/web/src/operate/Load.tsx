import { words } from "../words";
import type { Overview } from "./api";
import { Figures } from "./Figures";

/** How busy the server is, and what failed. */
export function Load({ known }: { known: Overview }) {
  const { status, failures, withinASecond } = known;
  const w = words().operate;
  const share = withinASecond === null ? "–" : `${Math.round(withinASecond * 100)} %`;
  const figures = [
    [w.ready, status.ready ? w.yes : w.no],
    [w.open, `${status.sessions} / ${status.max_sessions}`],
    [w.gaps, share],
    [w.tasks, String(status.tasks)],
  ] as const;
  return (
    <section aria-labelledby="load-name">
      <h2 id="load-name">{w.loadGroup}</h2>
      <Figures of={figures} />
      <h2>{w.errors}</h2>
      {failures.length === 0 ? (
        <p className="note">{w.noErrors}</p>
      ) : (
        <ul id="failures">
          {failures.map(({ service, code, count }) => (
            <li key={`${service} ${code}`}>
              {service}: {code} × {count}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
