import type { KeyboardEvent } from "react";
import type { Call } from "../call/call";
import { onMeter } from "../call/sound";
import { type CallState, mood } from "../call/state";
import { words } from "../words";
import { isSounding, isTouch, setLevel, useFocusKept, useLevels, useSettings } from "./hooks";
import { MicrophoneIcon } from "./icons";

/** The big button, which shows what a press does, and where the conversation stands. */
export function Stage({ call, state }: { call: Call; state: CallState }) {
  const { pushToTalk } = useSettings(call);
  const isMuted = state.microphone === "muted";
  const isOpen = isMuted || state.microphone === "open";
  const isOpening = state.microphone === "opening" && !pushToTalk;
  const button = useFocusKept<HTMLButtonElement>(isOpening);
  useLevels(() => {
    const { agent } = call.store.get();
    const rms = agent === "speaking" ? call.outputLevel() * 32768 : call.inputLevel();
    setLevel(button.current, "--level", onMeter(rms));
  }, isSounding(state));
  const press = pushToTalk ? held(call) : { onClick: () => void call.talk() };
  const { talk, mute, unmute, hold, end, region } = words().talk;
  return (
    <section className="stage" aria-label={region}>
      <button
        ref={button}
        id="talk"
        type="button"
        aria-describedby="advice"
        data-muted={isMuted || undefined}
        disabled={isOpening}
        {...press}
      >
        <MicrophoneIcon crossed={isOpen && !isMuted && !pushToTalk} />
        <span>{pushToTalk ? hold : !isOpen ? talk : isMuted ? unmute : mute}</span>
      </button>
      {/* Not a live region: a screen reader would talk into the microphone. */}
      <p id="state">{words().moods[mood(state)].word}</p>
      <p id="advice">{advice(state, pushToTalk)}</p>
      <button
        id="end"
        className="quiet"
        type="button"
        hidden={state.connection === "off" && !isOpen}
        onClick={() => call.end()}
      >
        {end}
      </button>
    </section>
  );
}

/** Touch devices have no space bar. */
export function advice(state: CallState, pushToTalk: boolean, touch = isTouch()): string {
  const { moods, touch: byTouch, muted, hold, holdTouch } = words();
  const kind = mood(state);
  const speaks = kind === "speaking" || kind === "thinking" || kind === "interrupted";
  if (pushToTalk && state.connection !== "reconnecting" && !speaks) return touch ? holdTouch : hold;
  if (state.microphone === "muted" && !pushToTalk) return touch ? byTouch.muted : muted;
  return kind === "off" && touch ? byTouch.off : moods[kind].advice;
}

/** Push to talk, with a finger, a mouse or the keyboard. */
function held(call: Call) {
  const isKey = ({ key }: KeyboardEvent) => key === " " || key === "Enter";
  return {
    onPointerDown: () => call.press(),
    onPointerUp: () => call.release(),
    onPointerLeave: () => call.release(),
    onPointerCancel: () => call.release(),
    onKeyDown: (event: KeyboardEvent) => {
      if (isKey(event) && !event.repeat) call.press();
    },
    onKeyUp: (event: KeyboardEvent) => {
      if (isKey(event)) call.release();
    },
    onBlur: () => call.release(),
  };
}
