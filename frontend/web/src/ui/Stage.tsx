import { useRef } from "react";
import type { Call } from "../call/call";
import { onMeter } from "../call/sound";
import { type CallState, mood } from "../call/state";
import { MOODS, MUTED_ADVICE } from "../words";
import { useEveryFrame } from "./hooks";
import { MicrophoneIcon } from "./icons";

/** The big button, and where the conversation stands. */
export function Stage({ call, state }: { call: Call; state: CallState }) {
  const { word, advice } = MOODS[mood(state)];
  const isMuted = state.microphone === "muted";
  const isOpen = isMuted || state.microphone === "open";
  const button = useRef<HTMLButtonElement>(null);
  useEveryFrame(() => {
    const { agent } = call.store.get();
    const rms = agent === "speaking" ? call.outputLevel() * 32768 : call.inputLevel();
    button.current?.style.setProperty("--level", onMeter(rms).toFixed(3));
  });
  return (
    <section className="stage" aria-label="Talk">
      <button
        ref={button}
        id="talk"
        type="button"
        aria-describedby="advice"
        aria-pressed={isOpen ? isMuted : undefined}
        disabled={state.microphone === "opening"}
        onClick={() => void call.talk()}
      >
        <MicrophoneIcon crossed={isMuted} />
        <span>{!isOpen ? "Talk" : isMuted ? "Unmute" : "Mute"}</span>
      </button>
      {/* Not a live region: a screen reader would talk into the microphone. */}
      <p id="state">{word}</p>
      <p id="advice">{isMuted ? MUTED_ADVICE : advice}</p>
      <button
        id="end"
        className="quiet"
        type="button"
        hidden={state.connection === "off" && !isOpen}
        onClick={() => call.end()}
      >
        End the conversation
      </button>
    </section>
  );
}
