import type { ToggleEvent } from "react";
import type { Timing } from "../call/captions";
import { words } from "../words";

/** The person's own silence; everything else is work. */
const WAITING: ReadonlySet<string> = new Set(["pause_noticed", "endpoint"]);

interface Row {
  readonly stage: string;
  readonly from: number;
  readonly to: number;
}

/** Each stage begins where the one before it ended. */
export function rows({ stages }: Timing): readonly Row[] {
  const ordered = Object.entries(stages).sort(([, a], [, b]) => a - b);
  return ordered.map(([stage, to], index) => {
    const from = Math.max(0, ordered[index - 1]?.[1] ?? 0);
    return { stage, from, to: Math.max(from, to) };
  });
}

/** From the person's last sound to the answer's first: the sum, and on request every stage. */
export function Waterfall({ timing }: { timing: Timing }) {
  const steps = rows(timing);
  const longest = Math.max(timing.gapMs, steps.at(-1)?.to ?? 0, 1);
  const percent = (ms: number) => `${((100 * ms) / longest).toFixed(2)}%`;
  return (
    <details className="waterfall" onToggle={intoView}>
      <summary aria-label={words().latency.answered(Math.round(timing.gapMs))}>
        <span className="gap">{Math.round(timing.gapMs)} ms</span>
        <span className="strip">
          {steps.map(({ stage, from, to }) => (
            <i key={stage} data-kind={kindOf(stage)} style={{ width: percent(to - from) }} />
          ))}
        </span>
      </summary>
      <table>
        <caption>
          {words().latency.caption} <Legend />
        </caption>
        <tbody>
          {steps.map(({ stage, from, to }) => (
            <tr key={stage}>
              <th scope="row">{words().stages[stage] ?? stage.replaceAll("_", " ")}</th>
              <td>{Math.round(to)}</td>
              <td className="bar">
                <i
                  data-kind={kindOf(stage)}
                  style={{ marginLeft: percent(from), width: percent(to - from) }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** What the colours mean. */
function Legend() {
  const { silence, work } = words().latency;
  return (
    <span className="colours">
      <i data-kind="silence" /> {silence} <i data-kind="work" /> {work}
    </span>
  );
}

/** The last one opens below what is visible of its list. */
function intoView({ currentTarget: details }: ToggleEvent<HTMLDetailsElement>): void {
  if (details.open) details.scrollIntoView({ block: "nearest" });
}

const kindOf = (stage: string): "silence" | "work" => (WAITING.has(stage) ? "silence" : "work");
