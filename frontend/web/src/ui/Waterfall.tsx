import type { Timing } from "../call/captions";
import { STAGES, WAITING } from "../words";

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
    <details className="waterfall">
      <summary aria-label={`Answered after ${Math.round(timing.gapMs)} ms; show every stage`}>
        <span className="gap">{Math.round(timing.gapMs)} ms</span>
        <span className="strip">
          {steps.map(({ stage, from, to }) => (
            <i key={stage} data-kind={kindOf(stage)} style={{ width: percent(to - from) }} />
          ))}
        </span>
      </summary>
      <table>
        <caption>Milliseconds after your last sound</caption>
        <tbody>
          {steps.map(({ stage, from, to }) => (
            <tr key={stage}>
              <th scope="row">{STAGES[stage] ?? stage.replaceAll("_", " ")}</th>
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

const kindOf = (stage: string): "silence" | "work" => (WAITING.has(stage) ? "silence" : "work");
