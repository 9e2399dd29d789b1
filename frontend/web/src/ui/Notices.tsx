import type { Call } from "../call/call";
import type { Topic } from "../call/events";
import type { CallState } from "../call/state";
import { CloseIcon } from "./icons";

/** What went wrong, in words, and what to do about it. */
export function Notices({ call, notices }: { call: Call; notices: CallState["notices"] }) {
  const shown = Object.entries(notices) as [Topic, { text: string; command?: string }][];
  return (
    <div id="notices" role="alert">
      {shown.map(([topic, { text, command }]) => (
        <div key={topic} className="notice" data-topic={topic}>
          <p>
            {text}
            {command && <code>{command}</code>}
          </p>
          <button
            className="quiet"
            type="button"
            aria-label="Close this message"
            onClick={() => call.notify(topic, null)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
}
