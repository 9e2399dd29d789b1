import { type ReactNode, useState } from "react";
import type { Call } from "../../call/call";
import type { Lines } from "../../call/captions";
import { words } from "../../words";
import { EventView } from "../events/EventView";
import { LatencyView } from "../latency/LatencyView";
import { Panel } from "../Panel";
import { TranscriptView } from "./TranscriptView";

const VIEWS = ["transcript", "latency", "events"] as const;
type View = (typeof VIEWS)[number];

/** What happened in the conversation: what was said, how fast, and by which events. */
export function HistoryPanel(props: {
  call: Call;
  lines: Lines;
  onClose: () => void;
  top?: ReactNode;
}) {
  const { call, lines, onClose, top } = props;
  const [view, setView] = useState<View>("transcript");
  const w = words().history;
  return (
    <Panel id="history" title={w.open} close={w.close} onClose={onClose} top={top}>
      <nav className="tabs" aria-label={w.tabs}>
        {VIEWS.map((each) => (
          <button
            key={each}
            id={`view-${each}`}
            type="button"
            aria-pressed={view === each}
            onClick={() => setView(each)}
          >
            {w[each]}
          </button>
        ))}
      </nav>
      {view === "transcript" && <TranscriptView lines={lines} onClear={() => call.forget()} />}
      {view === "latency" && <LatencyView lines={lines} />}
      {view === "events" && <EventView log={call.log} />}
    </Panel>
  );
}
