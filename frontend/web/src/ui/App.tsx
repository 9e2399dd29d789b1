import { useEffect, useLayoutEffect } from "react";
import type { Call } from "../call/call";
import { refusal } from "../call/microphone";
import { mood } from "../call/state";
import { Captions } from "./Captions";
import { Devices } from "./Devices";
import { useCallState } from "./hooks";
import { KeyDialog } from "./KeyDialog";
import { Meter } from "./Meter";
import { Models } from "./Models";
import { Notices } from "./Notices";
import { Quality } from "./Quality";
import { Say } from "./Say";
import { Stage } from "./Stage";

export function App({ call }: { call: Call }) {
  const state = useCallState(call);
  useShortcuts(call);
  useEffect(() => {
    if (window.isSecureContext) return;
    call.notify("microphone", refusal(null, location, false));
  }, [call]);
  const kind = mood(state);
  useEffect(() => {
    document.body.dataset["mood"] = kind;
  }, [kind]);
  return (
    <div className="page">
      <header>
        <h1>vdx</h1>
        <Quality state={state} />
      </header>
      <Notices call={call} notices={state.notices} />
      <main>
        <div className="side">
          <Stage call={call} state={state} />
          <Meter call={call} state={state} />
        </div>
        <div className="conversation">
          <Captions lines={state.lines} />
          <Say call={call} isSpeaking={kind === "speaking" || kind === "thinking"} />
        </div>
        <div className="settings">
          <Models call={call} voice={state.voice} recogniser={state.recogniser} />
          <Devices call={call} microphone={state.microphone} />
        </div>
      </main>
      <KeyDialog call={call} />
      {call.companion()}
    </div>
  );
}

/** Space talks and mutes, Escape ends the answer; both only where they mean nothing else. */
function useShortcuts(call: Call): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      const isBusy = target instanceof Element && target.closest(BUSY) !== null;
      if (event.repeat || isBusy) return;
      if (event.key === " ") {
        event.preventDefault();
        void call.talk();
      } else if (event.key === "Escape") call.interrupt();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [call]);
}

const BUSY = "button, input, select, summary, dialog";
