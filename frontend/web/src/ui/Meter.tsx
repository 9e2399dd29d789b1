import { useRef } from "react";
import type { Call } from "../call/call";
import { decibels, HIGHEST_DB, LOWEST_DB, onMeter } from "../call/sound";
import type { CallState } from "../call/state";
import { words } from "../words";
import { setLevel, useLevels } from "./hooks";

const TELL_MS = 500; // a screen reader that asks needs no more often

/** The levels of both sides; the person's against the noise floor and what counts as speech. */
export function Meter({ call, state }: { call: Call; state: CallState }) {
  const { level, yours, theirs } = words().devices;
  return (
    <section className="meter-box" aria-labelledby="meter-name">
      <h2 id="meter-name">{level}</h2>
      <Level id="meter" label={yours} rms={() => call.inputLevel()}>
        <Mark name="noise" rms={state.noise} />
        <Mark name="needed" rms={state.needed} />
      </Level>
      <Level id="meter-theirs" label={theirs} rms={() => call.outputLevel() * 32768} />
      <p className="legend" id="levels">
        {legend(state)}
      </p>
    </section>
  );
}

interface LevelProps {
  readonly id: string;
  readonly label: string;
  /** Root mean square of 16-bit samples. */
  readonly rms: () => number;
  readonly children?: React.ReactNode;
}

function Level({ id, label, rms, children }: LevelProps) {
  const meter = useRef<HTMLDivElement>(null);
  const told = useRef(0);
  useLevels(() => {
    const level = rms();
    setLevel(meter.current, "--loud", onMeter(level));
    if (performance.now() - told.current < TELL_MS) return;
    told.current = performance.now();
    const value = Math.max(LOWEST_DB, Math.min(HIGHEST_DB, Math.round(decibels(level))));
    meter.current?.setAttribute("aria-valuenow", String(value));
    meter.current?.setAttribute("aria-valuetext", words().devices.decibels(value));
  });
  return (
    <div className="level">
      <span aria-hidden="true">{label}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: <meter> cannot carry two marks */}
      <div
        ref={meter}
        id={id}
        className="meter"
        role="meter"
        aria-label={label}
        aria-valuemin={LOWEST_DB}
        aria-valuemax={HIGHEST_DB}
        aria-valuenow={LOWEST_DB}
      >
        <i className="loud" />
        {children}
      </div>
    </div>
  );
}

function Mark({ name, rms }: { name: "noise" | "needed"; rms: number | null }) {
  return rms === null ? null : <i className={name} style={{ left: `${onMeter(rms) * 100}%` }} />;
}

function legend({ microphone, noise, needed }: CallState) {
  const { silent, measuring, noise: floor, needed: from } = words().devices;
  if (microphone === "closed") return silent;
  if (noise === null || needed === null) return measuring;
  return (
    <>
      <span className="key noise">{floor(shown(noise))}</span>
      <span className="key needed">{from(shown(needed))}</span>
    </>
  );
}

const shown = (rms: number): string => `${Math.round(decibels(rms))}`.replace("-", "−");
