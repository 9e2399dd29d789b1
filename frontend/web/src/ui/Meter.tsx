import { useRef } from "react";
import type { Call } from "../call/call";
import { decibels, HIGHEST_DB, LOWEST_DB, onMeter } from "../call/sound";
import type { CallState } from "../call/state";
import { useEveryFrame } from "./hooks";

const TELL_MS = 500; // a screen reader that asks needs no more often

/** The microphone's level against the noise floor and what counts as speech. */
export function Meter({ call, state }: { call: Call; state: CallState }) {
  const meter = useRef<HTMLDivElement>(null);
  const told = useRef(0);
  useEveryFrame(() => {
    const level = call.inputLevel();
    meter.current?.style.setProperty("--loud", String(onMeter(level)));
    if (performance.now() - told.current < TELL_MS) return;
    told.current = performance.now();
    const value = Math.max(LOWEST_DB, Math.min(HIGHEST_DB, Math.round(decibels(level))));
    meter.current?.setAttribute("aria-valuenow", String(value));
    meter.current?.setAttribute("aria-valuetext", `${value} decibels`);
  });
  return (
    <section className="meter-box" aria-labelledby="meter-name">
      <h2 id="meter-name">Microphone level</h2>
      {/* biome-ignore lint/a11y/useSemanticElements: <meter> cannot carry two marks */}
      <div
        ref={meter}
        id="meter"
        role="meter"
        aria-labelledby="meter-name"
        aria-valuemin={LOWEST_DB}
        aria-valuemax={HIGHEST_DB}
        aria-valuenow={LOWEST_DB}
      >
        <i className="loud" />
        <Mark name="noise" rms={state.noise} />
        <Mark name="needed" rms={state.needed} />
      </div>
      <p className="legend" id="levels">
        {legend(state)}
      </p>
    </section>
  );
}

function Mark({ name, rms }: { name: "noise" | "needed"; rms: number | null }) {
  return rms === null ? null : <i className={name} style={{ left: `${onMeter(rms) * 100}%` }} />;
}

function legend({ microphone, noise, needed }: CallState) {
  if (microphone === "closed") return "Nothing is recorded before you press Talk.";
  if (noise === null || needed === null) return "Measuring the room …";
  return (
    <>
      <span className="key noise">noise {shown(noise)} dB</span>
      <span className="key needed">speech from {shown(needed)} dB</span>
    </>
  );
}

const shown = (rms: number): string => `${Math.round(decibels(rms))}`.replace("-", "−");
