import type { Lines } from "../../call/captions";
import { points, quantile, timedIn } from "../../latency/statistics";
import { words } from "../../words";
import { plain } from "../markdown/segments";
import { Waterfall } from "../Waterfall";

const WIDTH = 320;
const HEIGHT = 56;
const MOST_SHOWN = 60;

/** How fast the answers came, all together and each one. */
export function LatencyView({ lines }: { lines: Lines }) {
  const turns = timedIn(lines);
  const gaps = turns.map(({ timing }) => timing.gapMs);
  const w = words().latency;
  if (turns.length === 0) return <p className="note">{w.none}</p>;
  const figures = [
    [w.p50, quantile(gaps, 0.5)],
    [w.p95, quantile(gaps, 0.95)],
    [w.last, gaps.at(-1) ?? null],
  ] as const;
  return (
    <>
      <p className="note">{w.summary(turns.length)}</p>
      <dl className="figures">
        {figures.map(([name, ms]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{ms === null ? "" : `${Math.round(ms)} ms`}</dd>
          </div>
        ))}
      </dl>
      <Sparkline gaps={gaps.slice(-MOST_SHOWN)} />
      <ol className="turns">
        {turns
          .slice(-MOST_SHOWN)
          .reverse()
          .map(({ id, text, timing }) => (
            <li key={id}>
              <p className="cut-short">{plain(text)}</p>
              <Waterfall timing={timing} />
            </li>
          ))}
      </ol>
    </>
  );
}

/** The answers in a line from the first to the last; the dashed one is the median. */
function Sparkline({ gaps }: { gaps: readonly number[] }) {
  const slowest = Math.max(...gaps);
  const median = HEIGHT * (1 - (quantile(gaps, 0.5) ?? 0) / Math.max(slowest, 1));
  return (
    <svg
      className="sparkline"
      role="img"
      aria-label={words().latency.chart(gaps.length, Math.round(slowest))}
      viewBox={`-3 -3 ${WIDTH + 6} ${HEIGHT + 6}`}
    >
      <line x1="0" x2={WIDTH} y1={median} y2={median} className="median" />
      <polyline points={points(gaps, WIDTH, HEIGHT)} />
      {gaps.length === 1 && <circle cx="0" cy="0" r="3" />}
    </svg>
  );
}
