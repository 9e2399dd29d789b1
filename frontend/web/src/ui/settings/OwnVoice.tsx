import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import type { Call } from "../../call/call";
import { refusal } from "../../call/microphone";
import { RECORDED_S } from "../../call/recording";
import {
  ApiError,
  type ClonedVoice,
  clone,
  clones,
  type Model,
  removeClone,
} from "../../server/api";
import type { Settings } from "../../settings/settings";
import { words } from "../../words";
import { Switch, Text } from "./fields";

/** Ten seconds of the person, of which a voice is made; nothing where no voice here can do that. */
export function OwnVoice(props: {
  readonly call: Call;
  readonly settings: Settings;
  readonly models: readonly Model[];
  readonly onChange: (voice: string, speaker: string) => Promise<void>;
}) {
  const { call, settings, models, onChange } = props;
  const canClone = models.some(({ capabilities }) => capabilities?.includes("zero_shot"));
  const [made, refresh] = useClones(canClone);
  const [recording, setRecording] = useState<Blob | null>(null);
  const [status, setStatus] = useState("");
  if (!canClone) return null;
  const w = words().ownVoice;
  const spoken = made.find(({ id }) => id === `${settings.voice}/${settings.speaker}`);
  const keep = async (name: string) => {
    if (!recording) return;
    const text = words().ownVoice.readAloud;
    const kept = await clone(recording, { name, text, language: w.language, consent: w.consent });
    setRecording(null);
    setStatus(w.kept(kept.name));
    await refresh();
    const [voice = "", speaker = ""] = kept.id.split("/");
    await onChange(voice, speaker);
  };
  const remove = async (voice: ClonedVoice) => {
    // First, so that no clause asks for a voice that is gone.
    await onChange(settings.voice, "");
    await removeClone(voice.id);
    setStatus(w.removed(voice.name));
    await refresh();
  };
  const told = (error: unknown) => {
    if (error instanceof ApiError && error.status === 401) call.askKey();
    else setStatus(words().models.failed((error as Error).message));
  };
  return (
    <section className="own-voice" aria-labelledby="own-voice-name">
      <h3 id="own-voice-name">{w.title}</h3>
      {recording ? (
        <Keep onKeep={(name) => keep(name).catch(told)} onDrop={() => setRecording(null)} />
      ) : (
        <Record call={call} onRecorded={setRecording} tell={setStatus} />
      )}
      {spoken && (
        <button className="plain" type="button" onClick={() => void remove(spoken).catch(told)}>
          {w.remove(spoken.name)}
        </button>
      )}
      <p className="note" role="status">
        {status}
      </p>
    </section>
  );
}

function Record(props: {
  readonly call: Call;
  readonly onRecorded: (recording: Blob | null) => void;
  readonly tell: (status: string) => void;
}) {
  const { call, onRecorded, tell } = props;
  const [left, setLeft] = useState(0);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const w = words().ownVoice;
  const begin = async () => {
    stop.current = new AbortController();
    tell("");
    try {
      onRecorded(await call.recordVoice(stop.current.signal, setLeft));
    } catch (error) {
      tell(refusal(error, location, window.isSecureContext).text);
    } finally {
      setLeft(0);
    }
  };
  return (
    <>
      <p className="note">{w.note(RECORDED_S)}</p>
      <blockquote>{w.readAloud}</blockquote>
      {left > 0 && <progress aria-label={w.recording} max={RECORDED_S} value={RECORDED_S - left} />}
      <button
        id="record-voice"
        className="plain"
        type="button"
        onClick={() => (left > 0 ? stop.current?.abort() : void begin())}
      >
        {left > 0 ? w.stop(left) : w.record}
      </button>
    </>
  );
}

/** What a recording is kept as, and the consent without which it is not. */
function Keep(props: {
  readonly onKeep: (name: string) => Promise<void>;
  readonly onDrop: () => void;
}) {
  const { onKeep, onDrop } = props;
  const w = words().ownVoice;
  const [name, setName] = useState(w.usualName);
  const [isAgreed, setAgreed] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    void onKeep(name).finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit}>
      <Text label={w.name} value={name} placeholder="" maxLength={64} onChange={setName} />
      <Switch label={w.consent} checked={isAgreed} onChange={setAgreed} />
      <button
        id="keep-voice"
        className="plain"
        type="submit"
        disabled={!isAgreed || !name.trim() || isBusy}
      >
        {w.keep}
      </button>
      <button className="plain" type="button" onClick={onDrop}>
        {w.again}
      </button>
    </form>
  );
}

/** The voices that were made of recordings on this server, and a way to ask for them again. */
function useClones(canClone: boolean): readonly [readonly ClonedVoice[], () => Promise<void>] {
  const [found, setFound] = useState<readonly ClonedVoice[]>([]);
  const refresh = useCallback(async () => setFound(await clones()), []);
  useEffect(() => {
    // Without the list nothing is missing but the button that deletes one.
    if (canClone) refresh().catch(() => undefined);
  }, [canClone, refresh]);
  return [found, refresh];
}
