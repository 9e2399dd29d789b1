import { useEffect, useLayoutEffect, useState } from "react";
import type { Call } from "../call/call";
import { refusal } from "../call/microphone";
import { listen } from "../call/shortcuts";
import { mood } from "../call/state";
import { words } from "../words";
import { Captions } from "./Captions";
import { Devices } from "./Devices";
import { HistoryPanel } from "./history/HistoryPanel";
import { useCallState, useMedia } from "./hooks";
import { HistoryIcon, SettingsIcon } from "./icons";
import { KeyDialog } from "./KeyDialog";
import { Meter } from "./Meter";
import { Models } from "./Models";
import { Notices } from "./Notices";
import { Quality } from "./Quality";
import { Say } from "./Say";
import { Stage } from "./Stage";
import { Drawer } from "./settings/Drawer";

/** As in `panels.css`: on wider screens a panel stands beside the conversation. */
const COVERED = "(width < 80rem)";

type Open = "settings" | "history" | null;

export function App({ call }: { call: Call }) {
  const state = useCallState(call);
  const [open, setOpen] = useState<Open>(null);
  useShortcuts(call, () => setOpen(null));
  useEffect(() => {
    if (window.isSecureContext) return;
    call.notify("microphone", refusal(null, location, false));
  }, [call]);
  const kind = mood(state);
  useLayoutEffect(() => {
    document.body.dataset["mood"] = kind; // with the words, before anything is drawn
  }, [kind]);
  const close = () => setOpen(null);
  // What lies under a panel is not to be reached by keyboard; a notice must not lie under it.
  const isCovered = useMedia(COVERED) && open !== null;
  const notices = <Notices call={call} state={state} />;
  const panel = { call, onClose: close, top: isCovered && notices };
  return (
    <div className="page" data-panel={open ?? undefined}>
      <header>
        <h1>vdx</h1>
        <Quality state={state} />
        <Buttons open={open} isCovered={isCovered} onOpen={setOpen} />
      </header>
      {!isCovered && notices}
      <main>
        <div className="side" inert={isCovered}>
          <Stage call={call} state={state} />
          <Meter call={call} state={state} />
        </div>
        <div className="conversation" inert={isCovered}>
          <Captions lines={state.lines} />
          <Say call={call} isSpeaking={kind === "speaking" || kind === "thinking"} />
        </div>
        <div className="settings" inert={isCovered}>
          <Models call={call} voice={state.voice} recogniser={state.recogniser} />
          <Devices call={call} microphone={state.microphone} />
        </div>
      </main>
      {open === "settings" && <Drawer {...panel} />}
      {open === "history" && <HistoryPanel {...panel} lines={state.lines} />}
      <KeyDialog call={call} />
      {call.companion()}
    </div>
  );
}

function Buttons(props: { open: Open; isCovered: boolean; onOpen: (open: Open) => void }) {
  const { open, isCovered, onOpen } = props;
  const buttons = [
    ["history", words().history.open, HistoryIcon],
    ["settings", words().settings.open, SettingsIcon],
  ] as const;
  return (
    <nav inert={isCovered}>
      {buttons.map(([name, label, Icon]) => (
        <button
          key={name}
          id={`open-${name}`}
          className="quiet"
          type="button"
          aria-expanded={open === name}
          onClick={() => onOpen(open === name ? null : name)}
        >
          <Icon />
          <span>{label}</span>
        </button>
      ))}
    </nav>
  );
}

/** Escape ends an answer that is under way, else it closes what is open beside it. */
function useShortcuts(call: Call, close: () => void): void {
  useLayoutEffect(() => {
    const interrupt = () => {
      call.interrupt();
      if (!ANSWERING.has(mood(call.store.get()))) close();
    };
    const does = { press: () => call.press(), release: () => call.release(), interrupt };
    return listen(document, window, does);
  }, [call, close]);
}

const ANSWERING: ReadonlySet<string> = new Set(["thinking", "speaking", "interrupted"]);
